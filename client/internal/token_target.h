// SPDX-License-Identifier: Apache-2.0
//
// MayCarryToken: whether a client may send a token to a target.
//
// Threads: plain functions; any thread.
// Why:     who reads a token can use it. So it goes over connections that are
//          encrypted, or that do not leave the machine.
// Example: if (!MayCarryToken(target, Encrypts(options))) return
//          TokenInClear(target);
#ifndef PINION_CLIENT_INTERNAL_TOKEN_TARGET_H_
#define PINION_CLIENT_INTERNAL_TOKEN_TARGET_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/client/client_options.h"

namespace pinion::client_internal {

// Whether connections with these options are encrypted. Credentials that the
// user has made count: gRPC sends call credentials over no insecure ones.
inline bool Encrypts(const ClientOptions& options) {
  return options.tls.has_value() || options.credentials != nullptr;
}

// Whether a token may be sent to the gRPC target: if connections are encrypted,
// or all of its addresses are on this machine whoever resolves them: a Unix
// socket, loopback addresses, "localhost".
bool MayCarryToken(absl::string_view target, bool encrypted);

// INVALID_ARGUMENT, with the target and what to do.
absl::Status TokenInClear(absl::string_view target);

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_TOKEN_TARGET_H_
