// SPDX-License-Identifier: Apache-2.0
//
// AdminTarget: the gRPC target of the admin socket that a command asks.
//
// Threads: any thread. It reads folders, and connects to sockets without
//          waiting.
// Example: const auto target =
//              AdminTarget(AdminFlag(), AdminSocketPlaces::Ours());
#ifndef PINION_CLIENT_CLI_ADMIN_TARGET_H_
#define PINION_CLIENT_CLI_ADMIN_TARGET_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/admin_socket_path.h"

namespace pinion::cli {

// `given`: the path of a socket, or "unix:PATH", or the process id of a server
// that has made its own; empty: the only live one where servers make theirs.
//   INVALID_ARGUMENT   several servers live; or the path is too long
//   PERMISSION_DENIED  the socket is another user's
//   UNAVAILABLE        nobody listens there, or no server lives; the message
//                      says where it looked, and what to do
absl::StatusOr<std::string> AdminTarget(absl::string_view given,
                                        const AdminSocketPlaces& places);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_ADMIN_TARGET_H_
