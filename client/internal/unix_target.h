// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a gRPC target that is a Unix socket. gRPC itself says of a
// path that is too long that the target is no URI, and of a plain file that the
// connection was refused.
//
// Threads: any thread.
// Example: absl::Status valid = CheckUnixTarget("unix:/run/pinion");
#ifndef PINION_CLIENT_INTERNAL_UNIX_TARGET_H_
#define PINION_CLIENT_INTERNAL_UNIX_TARGET_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pinion::client_internal {

// INVALID_ARGUMENT if `target` is "unix:path" or "unix-abstract:name" with more
// bytes than the kernel takes. OK for other targets.
absl::Status CheckUnixTarget(absl::string_view target);

// Why nobody can listen on `target`: "/run/x is a plain file, not a socket";
// empty if somebody can, or if it is not "unix:path".
std::string WhyNoSocket(absl::string_view target);

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_UNIX_TARGET_H_
