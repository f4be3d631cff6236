// SPDX-License-Identifier: Apache-2.0
#include "server/listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace pinion {
namespace {

struct HostPort {
  std::string host;
  int port;
};

bool IsUnix(absl::string_view address) {
  return absl::StartsWith(address, "unix:") ||
         absl::StartsWith(address, "unix-abstract:");
}

bool IsEmptyUnix(absl::string_view address) {
  return IsUnix(address) && address.back() == ':';
}

std::optional<HostPort> Split(absl::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos || colon == 0) return std::nullopt;
  absl::string_view host = address.substr(0, colon);
  const bool bracketed = absl::ConsumePrefix(&host, "[");
  if (bracketed != absl::ConsumeSuffix(&host, "]")) return std::nullopt;
  if (!bracketed && absl::StrContains(host, ":")) return std::nullopt;
  int port;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 ||
      port > 65535) {
    return std::nullopt;
  }
  return HostPort{std::string(host), port};
}

bool IsLoopback(const std::string& host) {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  in6_addr v6;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    return IN6_IS_ADDR_LOOPBACK(&v6);
  }
  return host == "localhost";
}

}  // namespace

absl::StatusOr<bool> IsLocalAddress(absl::string_view address) {
  if (IsUnix(address) && !IsEmptyUnix(address)) return true;
  const std::optional<HostPort> split = Split(address);
  if (!split.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen is \"", address,
                     "\"; valid are host:port with a port of 0 to 65535, "
                     "[ipv6]:port, and unix:path"));
  }
  return IsLoopback(split->host);
}

std::string WithPort(absl::string_view address, int port) {
  if (IsUnix(address)) return std::string(address);
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

bool IsServedUnixSocket(absl::string_view address) {
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  absl::string_view path = address;
  if (!absl::ConsumePrefix(&path, "unix:")) return false;
  absl::ConsumePrefix(&path, "//");  // unix:///absolute/path
  if (path.empty() || path.size() >= sizeof(name.sun_path)) return false;
  path.copy(name.sun_path, path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool served =
      connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0;
  close(fd);
  return served;
}

std::string WhyNotListening(absl::string_view address) {
  if (IsServedUnixSocket(address)) return "another server listens on it";
  const std::optional<HostPort> split = Split(address);
  if (IsUnix(address) || !split.has_value()) {
    return "the socket cannot be made; is its folder there and writable?";
  }
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(
      split->host.c_str(), absl::StrCat(split->port).c_str(), &hints, &found);
  if (failed != 0) return gai_strerror(failed);
  std::string why = "it was refused, but is free now; try again";
  const int fd = socket(found->ai_family, found->ai_socktype, 0);
  const int on = 1;
  if (fd >= 0) {
    // As gRPC does, so that connections that linger from before do not count.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  }
  if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0 ||
      listen(fd, 1) != 0) {
    why = std::strerror(errno);
  }
  if (fd >= 0) close(fd);
  freeaddrinfo(found);
  return why;
}

}  // namespace pinion
