// SPDX-License-Identifier: Apache-2.0
//
// ProbeUnixSocket(): whether somebody listens on a Unix socket, asked by a
// connection that ends at once.
//
// Threads: plain functions; any thread. It does not block.
// Example: switch (ProbeUnixSocket("/run/pinion/4242.admin")) {
//            case 0:             // Somebody listens.
//            case ECONNREFUSED:  // The socket is there, and nobody listens.
//            default:            // It cannot be told: ENOENT, EACCES, ...
//          }
#ifndef PINION_CORE_BASE_UNIX_PROBE_H_
#define PINION_CORE_BASE_UNIX_PROBE_H_

#include <sys/socket.h>

#include "absl/strings/string_view.h"

namespace pinion {

// 0 if somebody listens at `path`, also if others wait to be accepted there;
// otherwise the error of the connection. ENAMETOOLONG if no socket can have
// that path.
int ProbeUnixSocket(absl::string_view path);

// The same, of an address of the family AF_UNIX.
int ProbeUnixSocket(const sockaddr* address, socklen_t size);

}  // namespace pinion

#endif  // PINION_CORE_BASE_UNIX_PROBE_H_
