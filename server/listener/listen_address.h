// SPDX-License-Identifier: Apache-2.0
//
// Parses an address to listen on.
//
// Threads: any thread.
// Example: if (!*IsLocalAddress("0.0.0.0:50051")) RefuseWithoutTheFlag();
#ifndef PINION_SERVER_LISTENER_LISTEN_ADDRESS_H_
#define PINION_SERVER_LISTENER_LISTEN_ADDRESS_H_

#include <optional>
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

// Whether `address` is a Unix socket's.
bool IsUnixAddress(absl::string_view address);

// The name of the sockets that systemd hands over, if `address` means those:
// NAME of "systemd:NAME", or "" of "systemd", which means all of them.
std::optional<std::string> SystemdName(absl::string_view address);

// The parts of "host:port", without the brackets of an IPv6 host; none if it
// has another form.
struct HostPort {
  std::string host;
  int port;
};
std::optional<HostPort> SplitHostPort(absl::string_view address);

}  // namespace pinion

#endif  // PINION_SERVER_LISTENER_LISTEN_ADDRESS_H_
