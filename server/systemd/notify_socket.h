// SPDX-License-Identifier: Apache-2.0
//
// NotifySocket: sends messages to systemd, or to whoever has named a socket in
//               NOTIFY_SOCKET, as sd_notify() does.
//
// Threads: one at a time.
// Example: auto socket = NotifySocket::Open("/run/systemd/notify");
//          absl::Status sent = socket->Send("READY=1\nSTATUS=serving");
#ifndef PINION_SERVER_SYSTEMD_NOTIFY_SOCKET_H_
#define PINION_SERVER_SYSTEMD_NOTIFY_SOCKET_H_

#include <sys/socket.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pinion {

class NotifySocket {
 public:
  // To `address`, a value of NOTIFY_SOCKET: "/path", or "@name" for an abstract
  // name. INVALID_ARGUMENT if it is neither or too long, UNAVAILABLE if there
  // is no descriptor.
  static absl::StatusOr<NotifySocket> Open(absl::string_view address);

  ~NotifySocket();
  NotifySocket(NotifySocket&& other) noexcept { *this = std::move(other); }
  NotifySocket& operator=(NotifySocket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    address_ = other.address_;
    address_size_ = other.address_size_;
    return *this;
  }

  // Sends one message, and never waits. UNAVAILABLE if the receiver has no room
  // now: send it again later. Otherwise NOT_FOUND, with the kernel's words, if
  // nobody receives there.
  absl::Status Send(absl::string_view message) const;

 private:
  NotifySocket() = default;

  int descriptor_ = -1;
  sockaddr_storage address_ = {};
  socklen_t address_size_ = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_SYSTEMD_NOTIFY_SOCKET_H_
