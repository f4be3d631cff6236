// SPDX-License-Identifier: Apache-2.0
//
// Which HTTP proxy gRPC uses for a target, as the environment says.
//
// Threads: plain functions; any thread, while none changes the environment.
// Why:     gRPC asks a proxy even for this machine itself, and an error then
//          names an address that the user has never given.
// Example: if (!IsOnThisMachine(target)) proxy = FindProxy(target);
#ifndef PINION_CLIENT_INTERNAL_PROXY_H_
#define PINION_CLIENT_INTERNAL_PROXY_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace pinion::client_internal {

// Whether a gRPC target is a Unix socket, a loopback address or "localhost".
bool IsOnThisMachine(absl::string_view target);

// What a person must know of a proxy.
struct Proxy {
  std::string variable;  // "http_proxy"
  std::string address;   // Without the user's name and password.
  std::string host;      // Of the target: what no_proxy would have to name.
};

// The proxy that gRPC uses for a target that is not on this machine; none if it
// connects directly. The rules are those of gRPC 1.51: the first of grpc_proxy,
// https_proxy and http_proxy that is set, unless a suffix in no_grpc_proxy, or
// else in no_proxy, is the host's.
std::optional<Proxy> FindProxy(absl::string_view target);

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_PROXY_H_
