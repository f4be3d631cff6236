// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/admin/admin_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/admin_socket_path.h"
#include "pinion/core/base/file_kind.h"
#include "pinion/core/base/unix_probe.h"

namespace pinion {
namespace {

constexpr int kBacklog = 64;

// Others may come and go at its path while it is moved there.
constexpr int kTriesToReplace = 3;

absl::Status Unavailable(absl::string_view path, absl::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("the admin socket ", path, ": ", why));
}

absl::Status KernelSays(absl::string_view path) {
  return Unavailable(path, std::strerror(errno));
}

sockaddr_un AddressOf(absl::string_view path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

int NewSocket() {
  return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

// Where the socket is until it listens: in the same folder.
std::string NewNameFor(const std::string& path) {
  static std::atomic<int> number{0};
  const size_t slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "" : path.substr(0, slash + 1);
  return absl::StrCat(folder, getpid(), ".", number++, ".new");
}

// Whether what is at `path` may be replaced, if anything is.
absl::Status CheckFree(const std::string& path) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) {
    return errno == ENOENT ? absl::OkStatus() : KernelSays(path);
  }
  if (!S_ISSOCK(found.st_mode)) {
    return Unavailable(path,
                       absl::StrCat("there is ", FileKind(found.st_mode)));
  }
  switch (const int error = ProbeUnixSocket(path)) {
    case 0:
      return Unavailable(path, "another server listens on it");
    case ECONNREFUSED:
    case ENOENT:  // It has gone meanwhile.
      return absl::OkStatus();
    default:
      return Unavailable(path, std::strerror(error));
  }
}

// Moves the socket to its place, unless another server has come there first.
absl::Status MoveTo(const std::string& path, const std::string& new_name) {
  for (int i = 0; i < kTriesToReplace; ++i) {
    if (renameat2(AT_FDCWD, new_name.c_str(), AT_FDCWD, path.c_str(),
                  RENAME_NOREPLACE) == 0) {
      return absl::OkStatus();
    }
    if (errno != EEXIST) break;
    const absl::Status free = CheckFree(path);
    if (!free.ok()) return free;
    unlink(path.c_str());
  }
  // Some file systems cannot be asked to keep what is there.
  if (errno == EINVAL && rename(new_name.c_str(), path.c_str()) == 0) {
    return absl::OkStatus();
  }
  return KernelSays(path);
}

}  // namespace

absl::StatusOr<AdminSocket> AdminSocket::Open(const std::string& path) {
  const std::string new_name = NewNameFor(path);
  for (const std::string& name : {path, new_name}) {
    const absl::Status status = CheckAdminSocketPath(name);
    if (!status.ok()) return status;
  }
  const absl::Status free = CheckFree(path);
  if (!free.ok()) return free;

  AdminSocket opened;
  opened.descriptor_ = NewSocket();
  if (opened.descriptor_ < 0) return KernelSays(path);
  unlink(new_name.c_str());  // Of a process of the same number that died here.
  const sockaddr_un address = AddressOf(new_name);
  if (bind(opened.descriptor_, reinterpret_cast<const sockaddr*>(&address),
           sizeof(address)) != 0) {
    return KernelSays(path);
  }
  absl::Cleanup remove = [&] { unlink(new_name.c_str()); };
  struct stat made;
  // Nobody can connect before it listens, so the mode comes in time.
  if (chmod(new_name.c_str(), S_IRUSR | S_IWUSR) != 0 ||
      listen(opened.descriptor_, kBacklog) != 0 ||
      lstat(new_name.c_str(), &made) != 0) {
    return KernelSays(path);
  }
  const absl::Status moved = MoveTo(path, new_name);
  if (!moved.ok()) return moved;
  std::move(remove).Cancel();
  opened.path_ = path;
  opened.device_ = made.st_dev;
  opened.inode_ = made.st_ino;
  return opened;
}

AdminSocket& AdminSocket::operator=(AdminSocket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

void AdminSocket::Close() {
  if (descriptor_ < 0) return;
  struct stat found;
  if (lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ &&
      found.st_ino == inode_) {
    unlink(path_.c_str());
  }
  close(descriptor_);
  descriptor_ = -1;
}

std::string UnixPeer::ToString() const {
  return absl::StrCat("uid ", user, " (pid ", process, ")");
}

absl::StatusOr<UnixPeer> PeerOf(int descriptor) {
  ucred peer;
  socklen_t size = sizeof(peer);
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return absl::UnavailableError(std::strerror(errno));
  }
  return UnixPeer{.user = peer.uid, .process = peer.pid};
}

}  // namespace pinion
