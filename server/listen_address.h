// SPDX-License-Identifier: Apache-2.0
//
// What can be known of an address to listen on before, and after, trying it.
//
// Threads: anyone; WhyNotListening() asks the kernel and the resolver.
// Example: if (!*IsLocalAddress("0.0.0.0:50051")) RefuseWithoutTheFlag();
#ifndef PINION_SERVER_LISTEN_ADDRESS_H_
#define PINION_SERVER_LISTEN_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pinion {

// Whether only this machine can reach `address`: a loopback IP address,
// "localhost", or a Unix socket. INVALID_ARGUMENT unless it is "host:port" with
// a port of 0 to 65535, "[ipv6]:port", or "unix:path".
absl::StatusOr<bool> IsLocalAddress(absl::string_view address);

// `address` with its port replaced by `port`; unchanged for a Unix socket.
std::string WithPort(absl::string_view address, int port);

// Whether `address` is a Unix socket on which someone listens.
bool IsServedUnixSocket(absl::string_view address);

// Why nobody can listen on `address` at present, in the kernel's words; a
// general answer if the kernel has no objection (any more).
std::string WhyNotListening(absl::string_view address);

}  // namespace pinion

#endif  // PINION_SERVER_LISTEN_ADDRESS_H_
