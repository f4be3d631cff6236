// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/base/unix_probe.h"

#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

namespace pinion {

int ProbeUnixSocket(absl::string_view path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return ENAMETOOLONG;
  path.copy(address.sun_path, path.size());
  return ProbeUnixSocket(reinterpret_cast<const sockaddr*>(&address),
                         sizeof(address));
}

int ProbeUnixSocket(const sockaddr* address, socklen_t size) {
  const int descriptor =
      socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return errno;
  const int error = connect(descriptor, address, size) == 0 ? 0 : errno;
  close(descriptor);
  return error == EAGAIN ? 0 : error;  // Others wait to be accepted.
}

}  // namespace pinion
