// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/listener/listening_sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pinion/core/base/file_kind.h"
#include "pinion/core/base/unix_probe.h"

namespace pinion {
namespace {

// How many connections the kernel makes ahead of accept(); it takes less if its
// own net.core.somaxconn says so.
constexpr int kBacklog = 4096;

// A free port of one address may be another's on the next.
constexpr int kTriesForOnePort = 16;

absl::Status KernelSays(const SocketAddress& address, int error) {
  const std::string text =
      absl::StrCat(ToString(address), ": ", std::strerror(error));
  switch (error) {
    case EAFNOSUPPORT:
    case EADDRNOTAVAIL:
      return absl::NotFoundError(text);
    case EADDRINUSE:
      return absl::AlreadyExistsError(absl::StrCat(
          text, "; stop the server that has it, or listen on another port"));
    default:
      return absl::UnavailableError(text);
  }
}

// Options of a connection are set on its listener, from which it has them.
void SetTcpOptions(int descriptor, const ListeningOptions& options) {
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const auto silence = static_cast<unsigned>(options.silence.count());
  if (silence == 0) return;
  setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence,
             sizeof(silence));
}

// A connection that is gone when it is accepted must not make that wait.
void SetFlags(int descriptor) {
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

// An integer option of a socket; none if the descriptor is none.
std::optional<int> Option(int descriptor, int name) {
  int value = 0;
  socklen_t size = sizeof(value);
  if (getsockopt(descriptor, SOL_SOCKET, name, &value, &size) != 0) {
    return std::nullopt;
  }
  return value;
}

// What is wrong with a socket of others, whose address it fills in; empty if
// nothing is.
absl::string_view WhyNotAdopted(int descriptor, SocketAddress& address) {
  const std::optional<int> type = Option(descriptor, SO_TYPE);
  if (!type.has_value() ||
      getsockname(descriptor, address.get(), &address.size) != 0) {
    return "is no socket";
  }
  const int family = address.family();
  if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) {
    return "is a socket of another family";
  }
  if (type != SOCK_STREAM) return "is no stream socket";
  if (Option(descriptor, SO_ACCEPTCONN) != 1) return "does not listen";
  return "";
}

// A server that was killed has left its socket's file.
absl::Status ClearPath(const SocketAddress& address) {
  if (ProbeUnixSocket(address.get(), address.size) == 0) {
    return absl::AlreadyExistsError("another server listens on it");
  }
  struct stat file;
  const std::string path = PathOf(address);
  if (path.empty() || lstat(path.c_str(), &file) != 0) return absl::OkStatus();
  if (!S_ISSOCK(file.st_mode)) {
    // The kernel would just say that the address is in use.
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is ", FileKind(file.st_mode),
                     ", not a socket; remove it, or listen on another path"));
  }
  unlink(path.c_str());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ListeningSockets> ListeningSockets::Open(
    absl::string_view address, const ListeningOptions& options) {
  const auto addresses = Resolve(address);
  absl::Status status = addresses.status();
  if (status.ok()) {
    auto sockets = OpenAll(*addresses, options);
    if (sockets.ok()) return sockets;
    status = sockets.status();
  }
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": ", status.message()));
}

absl::StatusOr<ListeningSockets> ListeningSockets::OpenAll(
    std::vector<SocketAddress> addresses, const ListeningOptions& options) {
  const bool any_port = PortOf(addresses[0]) == 0;
  ListeningSockets sockets;
  absl::Status status;
  for (int i = 0; i < kTriesForOnePort; ++i) {
    status = sockets.ListenOnAll(addresses, options);
    if (status.ok()) return sockets;
    if (!any_port || !absl::IsAlreadyExists(status)) break;
  }
  if (addresses.size() == 1 || absl::IsNotFound(status)) return status;
  return absl::Status(
      status.code(),
      absl::StrCat(status.message(),
                   " (a name is served on all of its addresses or on none, so "
                   "that its clients reach one server: ",
                   absl::StrJoin(addresses, ", ",
                                 [](std::string* out, const auto& one) {
                                   out->append(ToString(one));
                                 }),
                   ")"));
}

absl::Status ListeningSockets::ListenOnAll(std::vector<SocketAddress> addresses,
                                           const ListeningOptions& options) {
  absl::Status passed_over;
  for (SocketAddress& address : addresses) {
    if (PortOf(address) == 0) SetPort(address, port());
    const absl::Status status = Listen(address, options);
    if (absl::IsNotFound(status)) {
      passed_over = status;
    } else if (!status.ok()) {
      Close();
      return status;
    }
  }
  return sockets_.empty() ? passed_over : absl::OkStatus();
}

absl::Status ListeningSockets::Listen(const SocketAddress& address,
                                      const ListeningOptions& options) {
  const bool is_unix = address.family() == AF_UNIX;
  if (is_unix) {
    const absl::Status clear = ClearPath(address);
    if (!clear.ok()) return clear;
  }
  const int descriptor =
      socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return KernelSays(address, errno);
  auto close_it = absl::MakeCleanup([&] { close(descriptor); });
  const int on = 1;
  // Connections that linger from before do not count. A server that listens
  // does: two on one port would each get a part of the clients.
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.family() == AF_INET6) {
    const int off = 0;
    setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  if (!is_unix) SetTcpOptions(descriptor, options);
  // The file has this mode from its beginning: Linux takes it from the socket.
  if (is_unix && options.for_user_only &&
      fchmod(descriptor, S_IRUSR | S_IWUSR) != 0) {
    return KernelSays(address, errno);
  }
  if (bind(descriptor, address.get(), address.size) != 0 ||
      listen(descriptor, kBacklog) != 0) {
    return KernelSays(address, errno);
  }
  Socket socket = {.descriptor = descriptor, .address = address};
  if (!is_unix) {
    getsockname(descriptor, socket.address.get(), &socket.address.size);
  }
  struct stat file;
  const std::string path = PathOf(address);
  if (!path.empty() && stat(path.c_str(), &file) == 0) {
    socket.device = file.st_dev;
    socket.inode = file.st_ino;
  }
  std::move(close_it).Cancel();
  sockets_.push_back(socket);
  return absl::OkStatus();
}

absl::StatusOr<ListeningSockets> ListeningSockets::Adopt(
    std::vector<int> descriptors, const ListeningOptions& options) {
  ListeningSockets sockets;
  for (const int descriptor : descriptors) {
    Socket socket = {.descriptor = descriptor, .address = {}};
    const absl::string_view flaw = WhyNotAdopted(descriptor, socket.address);
    if (!flaw.empty()) {
      sockets.sockets_.clear();
      return absl::InvalidArgumentError(
          absl::StrCat("descriptor ", descriptor, " ", flaw,
                       ", and a TCP or Unix stream socket that listens is "
                       "needed"));
    }
    sockets.sockets_.push_back(socket);
  }
  for (const Socket& socket : sockets.sockets_) {
    SetFlags(socket.descriptor);
    if (socket.address.family() != AF_UNIX) {
      SetTcpOptions(socket.descriptor, options);
    }
  }
  return sockets;
}

void ListeningSockets::Close() {
  for (const Socket& socket : sockets_) {
    // Another server may have made the file its own meanwhile.
    struct stat file;
    const std::string path = PathOf(socket.address);
    if (socket.inode != 0 && stat(path.c_str(), &file) == 0 &&
        file.st_dev == socket.device && file.st_ino == socket.inode) {
      unlink(path.c_str());
    }
    close(socket.descriptor);
  }
  sockets_.clear();
}

std::vector<int> ListeningSockets::descriptors() const {
  std::vector<int> descriptors;
  for (const Socket& socket : sockets_) {
    descriptors.push_back(socket.descriptor);
  }
  return descriptors;
}

std::vector<SocketAddress> ListeningSockets::addresses() const {
  std::vector<SocketAddress> addresses;
  for (const Socket& socket : sockets_) addresses.push_back(socket.address);
  return addresses;
}

int ListeningSockets::port() const {
  return sockets_.empty() ? 0 : PortOf(sockets_[0].address);
}

}  // namespace pinion
