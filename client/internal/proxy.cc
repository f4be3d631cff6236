// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace pinion::client_internal {
namespace {

// "dns:///host:port", "ipv4:host:port" or "host:port" without what stands
// before the host.
absl::string_view WithoutScheme(absl::string_view target) {
  for (const absl::string_view scheme : {"dns:", "ipv4:", "ipv6:"}) {
    if (!absl::ConsumePrefix(&target, scheme)) continue;
    // An authority, which is the name server's, ends at the next slash.
    if (absl::ConsumePrefix(&target, "//")) {
      target.remove_prefix(std::min(target.find('/'), target.size()));
    }
    absl::ConsumePrefix(&target, "/");
    break;
  }
  return target;
}

// The host of "host:port", "[host]:port" or "host".
absl::string_view HostOf(absl::string_view address) {
  if (absl::ConsumePrefix(&address, "[")) {
    return address.substr(0, address.find(']'));
  }
  const size_t colon = address.find(':');
  const bool bare_ipv6 =
      colon != address.npos && address.find(':', colon + 1) != address.npos;
  return bare_ipv6 ? address : address.substr(0, colon);
}

bool IsLoopback(const std::string& host) {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  in6_addr v6;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    return IN6_IS_ADDR_LOOPBACK(&v6) ||
           (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
  }
  const std::string name = absl::AsciiStrToLower(host);
  return name == "localhost" || absl::EndsWith(name, ".localhost");
}

// The first of the variables that is set, even if it is empty: its name and its
// value.
std::optional<std::pair<const char*, absl::string_view>> FirstSet(
    std::initializer_list<const char*> variables) {
  for (const char* variable : variables) {
    const char* const value = std::getenv(variable);
    if (value != nullptr) return {{variable, value}};
  }
  return std::nullopt;
}

bool IsExcepted(absl::string_view host) {
  const auto excepted = FirstSet({"no_grpc_proxy", "no_proxy"});
  if (!excepted.has_value()) return false;
  for (const absl::string_view suffix :
       absl::StrSplit(excepted->second, ',', absl::SkipEmpty())) {
    if (absl::EndsWithIgnoreCase(host, suffix)) return true;
  }
  return false;
}

}  // namespace

bool IsOnThisMachine(absl::string_view target) {
  if (absl::StartsWith(target, "unix:") ||
      absl::StartsWith(target, "unix-abstract:")) {
    return true;
  }
  // Of several addresses, all must be.
  for (const absl::string_view address :
       absl::StrSplit(WithoutScheme(target), ',')) {
    if (!IsLoopback(std::string(HostOf(address)))) return false;
  }
  return true;
}

std::optional<Proxy> FindProxy(absl::string_view target) {
  if (IsOnThisMachine(target)) return std::nullopt;
  const auto proxy = FirstSet({"grpc_proxy", "https_proxy", "http_proxy"});
  if (!proxy.has_value()) return std::nullopt;
  absl::string_view address = proxy->second;
  if (!absl::ConsumePrefix(&address, "http://")) return std::nullopt;
  const absl::string_view host = HostOf(WithoutScheme(target));
  if (IsExcepted(host)) return std::nullopt;
  address = address.substr(0, address.find_first_of("/?#"));
  const size_t at = address.rfind('@');
  if (at != address.npos) address.remove_prefix(at + 1);
  return Proxy{.variable = proxy->first,
               .address = std::string(address),
               .host = std::string(host)};
}

}  // namespace pinion::client_internal
