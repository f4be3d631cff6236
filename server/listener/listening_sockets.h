// SPDX-License-Identifier: Apache-2.0
//
// ListeningSockets: the sockets on which a server accepts connections.
//
// Threads: one holder at a time.
// Example: auto sockets = ListeningSockets::Open("localhost:0", {});
//          if (!sockets.ok()) return sockets.status();
//          Say(sockets->port());
#ifndef PINION_SERVER_LISTENER_LISTENING_SOCKETS_H_
#define PINION_SERVER_LISTENER_LISTENING_SOCKETS_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/server/listener/socket_address.h"

namespace pinion {

struct ListeningOptions {
  // When the peer of a TCP connection acknowledges nothing of what was sent,
  // the kernel ends the connection after this time; 0: after its own limit,
  // many minutes.
  std::chrono::milliseconds silence{0};
  // Whether only the process' user, and root, may connect to the Unix socket.
  // Otherwise the umask says who may.
  bool for_user_only = false;
};

class ListeningSockets {
 public:
  // Listens on all addresses of `address`, a valid option `listen`; all have
  // the same port. Skips addresses that this machine does not have (such as ::1
  // while IPv6 is off) if there is another. "[::]" includes IPv4. Replaces a
  // Unix socket on which nobody listens any more. UNAVAILABLE, with the address
  // and the kernel's words, if it cannot listen on one of them, for example
  // because another server does; then it listens on none. No other server can
  // listen on them later.
  static absl::StatusOr<ListeningSockets> Open(absl::string_view address,
                                               const ListeningOptions& options);
  static absl::StatusOr<ListeningSockets> OpenAll(
      std::vector<SocketAddress> addresses, const ListeningOptions& options);

  // Takes over listening stream sockets made by others, as systemd passes them:
  // TCP or Unix. INVALID_ARGUMENT if one of them is not such a socket; then all
  // still belong to the caller.
  static absl::StatusOr<ListeningSockets> Adopt(
      std::vector<int> descriptors, const ListeningOptions& options);

  // No sockets.
  ListeningSockets() = default;
  // Closes them, and removes the files of the Unix sockets that it has made.
  ~ListeningSockets() { Close(); }
  ListeningSockets(ListeningSockets&& other) noexcept {
    *this = std::move(other);
  }
  ListeningSockets& operator=(ListeningSockets&& other) noexcept {
    sockets_.swap(other.sockets_);
    return *this;
  }

  void Close();

  std::vector<int> descriptors() const;
  // Their addresses, each with its real port.
  std::vector<SocketAddress> addresses() const;
  // The port; 0 if the first one is a Unix socket.
  int port() const;

 private:
  struct Socket {
    int descriptor;
    SocketAddress address;
    // The file made for it, if any.
    dev_t device = 0;
    ino_t inode = 0;
  };

  // Listens on `addresses`; on an error undoes everything.
  absl::Status ListenOnAll(std::vector<SocketAddress> addresses,
                           const ListeningOptions& options);
  absl::Status Listen(const SocketAddress& address,
                      const ListeningOptions& options);

  std::vector<Socket> sockets_;
};

}  // namespace pinion

#endif  // PINION_SERVER_LISTENER_LISTENING_SOCKETS_H_
