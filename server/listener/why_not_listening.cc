// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/listener/why_not_listening.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "pinion/server/listener/listen_address.h"
#include "pinion/server/listener/socket_address.h"

namespace pinion {
namespace {

// A socket that a server left behind; gRPC removes it.
bool IsSocketFile(const std::string& path) {
  struct stat file;
  return !path.empty() && lstat(path.c_str(), &file) == 0 &&
         S_ISSOCK(file.st_mode);
}

// Returns what the kernel says to a bind, or 0.
int TryToBind(const SocketAddress& address) {
  const std::string path = PathOf(address);
  if (IsSocketFile(path)) return 0;
  const int descriptor =
      socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return errno;
  const auto close_it = absl::MakeCleanup([&] { close(descriptor); });
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.family() == AF_INET6) {
    const int off = 0;
    setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  if (bind(descriptor, address.get(), address.size) != 0) return errno;
  if (!path.empty()) unlink(path.c_str());
  return 0;
}

}  // namespace

absl::Status WhyNotListening(absl::string_view address) {
  if (!IsLocalAddress(address).ok()) return absl::OkStatus();
  const auto cannot = [&](absl::string_view why) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", why));
  };
  const auto addresses = Resolve(address);
  if (!addresses.ok()) return cannot(addresses.status().message());
  // One of a name's addresses is enough for gRPC.
  int error = 0;
  for (const SocketAddress& one : *addresses) {
    error = TryToBind(one);
    if (error == 0) return absl::OkStatus();
  }
  return cannot(std::strerror(error));
}

}  // namespace pinion
