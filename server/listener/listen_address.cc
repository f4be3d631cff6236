// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/listener/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace pinion {
namespace {

bool IsEmptyUnix(absl::string_view address) {
  return IsUnixAddress(address) && address.back() == ':';
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

std::optional<HostPort> SplitHostPort(absl::string_view address) {
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

bool IsUnixAddress(absl::string_view address) {
  return absl::StartsWith(address, "unix:") ||
         absl::StartsWith(address, "unix-abstract:");
}

std::optional<std::string> SystemdName(absl::string_view address) {
  if (address == "systemd") return "";
  if (!absl::ConsumePrefix(&address, "systemd:") || address.empty()) {
    return std::nullopt;
  }
  return std::string(address);
}

absl::StatusOr<bool> IsLocalAddress(absl::string_view address) {
  if (IsUnixAddress(address) && !IsEmptyUnix(address)) return true;
  const std::optional<HostPort> split = SplitHostPort(address);
  if (!split.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen is \"", address,
                     "\"; valid are host:port with a port of 0 to 65535, "
                     "[ipv6]:port, unix:path, and systemd"));
  }
  return IsLoopback(split->host);
}

std::string WithPort(absl::string_view address, int port) {
  if (IsUnixAddress(address)) return std::string(address);
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

}  // namespace pinion
