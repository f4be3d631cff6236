// SPDX-License-Identifier: Apache-2.0
//
// AdminSocket: a listening Unix socket whose file only its user may open.
//
// Threads: one holder at a time.
// Example: auto socket = AdminSocket::Open("/run/pinion/4242.admin");
//          if (!socket.ok()) return socket.status();
//          accept4(socket->descriptor(), ...);
#ifndef PINION_SERVER_ADMIN_ADMIN_SOCKET_H_
#define PINION_SERVER_ADMIN_ADMIN_SOCKET_H_

#include <sys/types.h>

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace pinion {

class AdminSocket {
 public:
  // Listens at `path`, with mode 0600. It appears there at once as one that
  // listens, so whoever finds one that refuses may remove it. Replaces a socket
  // on which nobody listens any more. UNAVAILABLE if there is another file, or
  // a socket that lives, or with the kernel's words; INVALID_ARGUMENT if the
  // path is too long. Of servers that start at once one has the path; if a
  // socket without a listener is there, it is checked just before it is
  // removed.
  static absl::StatusOr<AdminSocket> Open(const std::string& path);

  AdminSocket() = default;
  ~AdminSocket() { Close(); }
  AdminSocket(AdminSocket&& other) noexcept { *this = std::move(other); }
  AdminSocket& operator=(AdminSocket&& other) noexcept;

  // Removes its file, unless another has its place by now.
  void Close();

  // Does not block.
  int descriptor() const { return descriptor_; }
  const std::string& path() const { return path_; }

 private:
  int descriptor_ = -1;
  std::string path_;
  // The file.
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// Who is at the other end of a connected Unix socket, by the kernel.
struct UnixPeer {
  uid_t user = 0;
  pid_t process = 0;
  // "uid 1000 (pid 4242)"
  std::string ToString() const;
};
absl::StatusOr<UnixPeer> PeerOf(int descriptor);

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_ADMIN_SOCKET_H_
