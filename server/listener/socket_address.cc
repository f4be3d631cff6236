// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/listener/socket_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "pinion/server/listener/listen_address.h"

namespace pinion {
namespace {

constexpr size_t kPathOffset = offsetof(sockaddr_un, sun_path);

template <typename Sockaddr>
const Sockaddr& As(const SocketAddress& address) {
  return reinterpret_cast<const Sockaddr&>(address.storage);
}
template <typename Sockaddr>
Sockaddr& As(SocketAddress& address) {
  return reinterpret_cast<Sockaddr&>(address.storage);
}

absl::StatusOr<SocketAddress> UnixAddress(absl::string_view address) {
  const bool is_abstract = absl::ConsumePrefix(&address, "unix-abstract:");
  if (!is_abstract) {
    absl::ConsumePrefix(&address, "unix:");
    absl::ConsumePrefix(&address, "//");  // unix:///absolute/path
  }
  SocketAddress result;
  auto& name = As<sockaddr_un>(result);
  // A path ends with a zero; an abstract name begins with one.
  constexpr size_t kMax = sizeof(name.sun_path) - 1;
  if (address.size() > kMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("the path of a Unix socket has at most ", kMax,
                     " bytes, and this has ", address.size()));
  }
  name.sun_family = AF_UNIX;
  address.copy(name.sun_path + (is_abstract ? 1 : 0), address.size());
  result.size = static_cast<socklen_t>(kPathOffset + address.size() + 1);
  return result;
}

bool Same(const SocketAddress& a, const SocketAddress& b) {
  return a.size == b.size && std::memcmp(&a.storage, &b.storage, a.size) == 0;
}

std::string HostOf(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.family() == AF_INET) {
    inet_ntop(AF_INET, &As<sockaddr_in>(address).sin_addr, text, sizeof(text));
    return text;
  }
  inet_ntop(AF_INET6, &As<sockaddr_in6>(address).sin6_addr, text, sizeof(text));
  return absl::StrCat("[", text, "]");
}

// "unix" if it has no name, as clients have none.
std::string UnixName(const SocketAddress& address) {
  const std::string path = PathOf(address);
  if (!path.empty()) return absl::StrCat("unix:", path);
  if (address.size <= kPathOffset + 1) return "unix";
  return absl::StrCat("unix-abstract:",
                      absl::string_view(As<sockaddr_un>(address).sun_path + 1,
                                        address.size - kPathOffset - 1));
}

const uint8_t* BytesOfIpv4(const SocketAddress& address) {
  return reinterpret_cast<const uint8_t*>(
      &As<sockaddr_in>(address).sin_addr.s_addr);
}

bool IsLoopbackIpv4(const uint8_t* bytes) { return bytes[0] == 127; }

std::optional<uint64_t> GroupOfIpv4(const uint8_t* bytes) {
  if (IsLoopbackIpv4(bytes)) return std::nullopt;
  uint64_t group = 0;
  for (int i = 0; i < 4; ++i) group = group << 8 | bytes[i];
  // No IPv6 network in use begins with 32 bits of zero.
  return group;
}

}  // namespace

absl::StatusOr<std::vector<SocketAddress>> Resolve(absl::string_view address) {
  if (IsUnixAddress(address)) {
    auto name = UnixAddress(address);
    if (!name.ok()) return name.status();
    return std::vector<SocketAddress>{*name};
  }
  const std::optional<HostPort> split = SplitHostPort(address);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(
      split->host.c_str(), absl::StrCat(split->port).c_str(), &hints, &found);
  if (failed != 0) return absl::UnavailableError(gai_strerror(failed));
  std::vector<SocketAddress> addresses;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    SocketAddress one;
    one.size = info->ai_addrlen;
    std::memcpy(&one.storage, info->ai_addr, info->ai_addrlen);
    const bool known =
        std::any_of(addresses.begin(), addresses.end(),
                    [&](const auto& other) { return Same(one, other); });
    if (!known) addresses.push_back(one);
  }
  freeaddrinfo(found);
  return addresses;
}

std::string ToString(const SocketAddress& address) {
  if (address.family() == AF_UNIX) return UnixName(address);
  return absl::StrCat(HostOf(address), ":", PortOf(address));
}

int PortOf(const SocketAddress& address) {
  switch (address.family()) {
    case AF_INET:
      return ntohs(As<sockaddr_in>(address).sin_port);
    case AF_INET6:
      return ntohs(As<sockaddr_in6>(address).sin6_port);
    default:
      return 0;
  }
}

void SetPort(SocketAddress& address, int port) {
  const in_port_t wire = htons(static_cast<uint16_t>(port));
  if (address.family() == AF_INET) As<sockaddr_in>(address).sin_port = wire;
  if (address.family() == AF_INET6) As<sockaddr_in6>(address).sin6_port = wire;
}

std::string PathOf(const SocketAddress& address) {
  if (address.family() != AF_UNIX || address.size <= kPathOffset) return "";
  return As<sockaddr_un>(address).sun_path;  // Empty if abstract.
}

bool IsLocal(const SocketAddress& address) {
  switch (address.family()) {
    case AF_UNIX:
      return true;
    case AF_INET:
      return IsLoopbackIpv4(BytesOfIpv4(address));
    case AF_INET6: {
      const in6_addr& v6 = As<sockaddr_in6>(address).sin6_addr;
      return IN6_IS_ADDR_LOOPBACK(&v6) ||
             (IN6_IS_ADDR_V4MAPPED(&v6) && IsLoopbackIpv4(v6.s6_addr + 12));
    }
    default:
      return false;
  }
}

std::string PeerName(const SocketAddress& address) {
  const char* const scheme = address.family() == AF_INET    ? "ipv4:"
                             : address.family() == AF_INET6 ? "ipv6:"
                                                            : "";
  return absl::StrCat(scheme, ToString(address));
}

std::optional<uint64_t> GroupOf(const SocketAddress& address,
                                const TrustedProxies& proxies) {
  if (proxies.Contains(PeerName(address))) return std::nullopt;
  if (address.family() == AF_INET) return GroupOfIpv4(BytesOfIpv4(address));
  if (address.family() != AF_INET6) return std::nullopt;
  const in6_addr& v6 = As<sockaddr_in6>(address).sin6_addr;
  if (IN6_IS_ADDR_LOOPBACK(&v6)) return std::nullopt;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return GroupOfIpv4(v6.s6_addr + 12);
  uint64_t network = 0;
  for (int i = 0; i < 8; ++i) network = network << 8 | v6.s6_addr[i];
  return network;
}

}  // namespace pinion
