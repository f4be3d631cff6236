// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/systemd/notify_socket.h"

#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace pinion {
namespace {

absl::Status BadAddress(absl::string_view address, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("NOTIFY_SOCKET is \"", address, "\", ", why));
}

}  // namespace

absl::StatusOr<NotifySocket> NotifySocket::Open(absl::string_view address) {
  NotifySocket socket;
  auto& name = reinterpret_cast<sockaddr_un&>(socket.address_);
  const bool is_abstract = !address.empty() && address[0] == '@';
  if (!is_abstract && (address.empty() || address[0] != '/')) {
    return BadAddress(address, "which is neither \"/path\" nor \"@name\"");
  }
  // A path ends with a zero.
  const size_t size = address.size() + (is_abstract ? 0 : 1);
  if (size > sizeof(name.sun_path)) {
    return BadAddress(address, absl::StrCat("which is longer than ",
                                            sizeof(name.sun_path), " bytes"));
  }
  name.sun_family = AF_UNIX;
  address.copy(name.sun_path, address.size());
  if (is_abstract) name.sun_path[0] = '\0';
  socket.address_size_ =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  socket.descriptor_ =
      ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket.descriptor_ < 0) {
    return absl::UnavailableError(absl::StrCat(
        "no descriptor for NOTIFY_SOCKET: ", std::strerror(errno)));
  }
  return socket;
}

NotifySocket::~NotifySocket() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status NotifySocket::Send(absl::string_view message) const {
  const ssize_t sent =
      sendto(descriptor_, message.data(), message.size(), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address_), address_size_);
  if (sent >= 0) return absl::OkStatus();
  const int error = errno;
  if (error == EAGAIN || error == EINTR || error == ENOBUFS) {
    return absl::UnavailableError(std::strerror(error));
  }
  return absl::NotFoundError(std::strerror(error));
}

}  // namespace pinion
