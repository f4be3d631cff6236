// SPDX-License-Identifier: Apache-2.0
//
// SocketAddress: an address in the kernel's form, and functions for it.
//
// Threads: plain data. Resolve() asks the resolver, which may take a while.
// Example: const auto addresses = Resolve("localhost:0");
//          if (addresses.ok()) Bind((*addresses)[0]);
#ifndef PINION_SERVER_LISTENER_SOCKET_ADDRESS_H_
#define PINION_SERVER_LISTENER_SOCKET_ADDRESS_H_

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/server/party/trusted_proxies.h"

namespace pinion {

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(storage);

  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

// All addresses of `address`, a validated option `listen`, each once.
// UNAVAILABLE if its name cannot be resolved, INVALID_ARGUMENT if the path of a
// Unix socket is too long.
absl::StatusOr<std::vector<SocketAddress>> Resolve(absl::string_view address);

// "127.0.0.1:80", "[::1]:80", "unix:/path", "unix-abstract:name".
std::string ToString(const SocketAddress& address);

// The port; 0 for a Unix socket.
int PortOf(const SocketAddress& address);
void SetPort(SocketAddress& address, int port);

// The path of a Unix socket that has a file; otherwise empty.
std::string PathOf(const SocketAddress& address);

// Whether only this machine can reach it: a loopback IP address, or a Unix
// socket.
bool IsLocal(const SocketAddress& address);

// As gRPC names it: "ipv4:127.0.0.1:80", "ipv6:[::1]:80", "unix:/path".
std::string PeerName(const SocketAddress& address);

// The clients that count as one by their address: an IPv4 address, or an IPv6
// /64 network, which usually belongs to one machine. None where many clients
// share an address: one of `proxies`, a loopback address, a Unix socket.
std::optional<uint64_t> GroupOf(const SocketAddress& address,
                                const TrustedProxies& proxies);

}  // namespace pinion

#endif  // PINION_SERVER_LISTENER_SOCKET_ADDRESS_H_
