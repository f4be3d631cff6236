// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/admin/admin_access.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "pinion/server/listener/listen_address.h"

namespace pinion {
namespace {

constexpr size_t kShortestToken = 16;
constexpr size_t kLongestToken = 1024;

// What access depends on.
constexpr absl::string_view kOnce[] = {"Host", "Origin", "Authorization",
                                       "X-Pinion-Token"};

// A host and its port, both as text; the port may be empty. An IPv6 host keeps
// its brackets.
struct Host {
  absl::string_view name;
  absl::string_view port;
};

std::optional<Host> Split(absl::string_view text) {
  size_t end = text.find(':');
  if (absl::StartsWith(text, "[")) {
    const size_t bracket = text.find(']');
    if (bracket == absl::string_view::npos) return std::nullopt;
    end = bracket + 1 == text.size() ? absl::string_view::npos : bracket + 1;
  }
  const absl::string_view name = text.substr(0, end);
  if (name.empty()) return std::nullopt;
  if (end == absl::string_view::npos) return Host{name, {}};
  int port;
  if (text[end] != ':' || !absl::SimpleAtoi(text.substr(end + 1), &port) ||
      port < 0 || port > 65535) {
    return std::nullopt;
  }
  return Host{name, text.substr(end + 1)};
}

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
         c == '.' || c == '_';
}

bool IsIpAddress(absl::string_view host) {
  char bytes[sizeof(in6_addr)];
  if (absl::ConsumePrefix(&host, "[")) {
    return absl::ConsumeSuffix(&host, "]") &&
           inet_pton(AF_INET6, std::string(host).c_str(), bytes) == 1;
  }
  return inet_pton(AF_INET, std::string(host).c_str(), bytes) == 1;
}

HttpAnswer Refused(int status, absl::string_view why) {
  return {.status = status, .made = absl::StrCat(why, "\n")};
}

// The password of "Basic ...", whoever the user is.
std::optional<std::string> PasswordOf(absl::string_view basic) {
  std::string decoded;
  if (!absl::Base64Unescape(basic, &decoded)) return std::nullopt;
  const size_t colon = decoded.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return decoded.substr(colon + 1);
}

}  // namespace

absl::Status AdminAccess::CheckHost(absl::string_view host) {
  const std::optional<Host> parts = Split(host);
  if (parts.has_value() &&
      (IsIpAddress(parts->name) ||
       std::all_of(parts->name.begin(), parts->name.end(), IsNameCharacter))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", absl::Utf8SafeCEscape(host),
      "\" is not a host; valid are name, name:port, and IP addresses, those of "
      "IPv6 in brackets"));
}

absl::StatusOr<std::string> AdminAccess::TokenIn(absl::string_view text) {
  absl::ConsumeSuffix(&text, "\n");
  absl::ConsumeSuffix(&text, "\r");
  if (text.size() < kShortestToken || text.size() > kLongestToken) {
    return absl::InvalidArgumentError(
        absl::StrCat("has a token of ", text.size(), " characters; valid are ",
                     kShortestToken, " to ", kLongestToken));
  }
  for (const char c : text) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(
          "has a token with a space or a character that is not printable "
          "ASCII");
    }
  }
  return std::string(text);
}

AdminAccess::AdminAccess(AdminAccessOptions options)
    : options_(std::move(options)),
      hosts_({"localhost", "127.0.0.1", "[::1]"}) {
  for (const std::string& host : options_.hosts) {
    hosts_.push_back(absl::AsciiStrToLower(host));
  }
  const std::optional<HostPort> listen = SplitHostPort(options_.listen);
  if (!listen.has_value()) return;
  // No name can be rebound to be an address.
  any_ip_address_ = listen->host == "0.0.0.0" || listen->host == "::";
  const bool is_ipv6 = absl::StrContains(listen->host, ':');
  hosts_.push_back(absl::AsciiStrToLower(
      is_ipv6 ? absl::StrCat("[", listen->host, "]") : listen->host));
}

bool AdminAccess::IsOurs(absl::string_view host) const {
  const std::optional<Host> asked = Split(host);
  if (!asked.has_value()) return false;
  if (any_ip_address_ && IsIpAddress(asked->name)) return true;
  // Whatever the port, unless one is named: a tunnel's end may have another.
  return std::any_of(hosts_.begin(), hosts_.end(), [&](const auto& ours) {
    const std::optional<Host> known = Split(ours);
    return known.has_value() && known->name == asked->name &&
           (known->port.empty() || known->port == asked->port);
  });
}

// In a time that does not show how much of it is right.
bool AdminAccess::IsToken(absl::string_view text) const {
  return !options_.token.empty() && text.size() == options_.token.size() &&
         CRYPTO_memcmp(text.data(), options_.token.data(), text.size()) == 0;
}

bool AdminAccess::HasTokenToRead(const HttpRequest& request) const {
  if (IsToken(request.Header("X-Pinion-Token").value_or(""))) return true;
  absl::string_view credentials = request.Header("Authorization").value_or("");
  const size_t space = credentials.find(' ');
  if (space == absl::string_view::npos) return false;
  const absl::string_view scheme = credentials.substr(0, space);
  credentials.remove_prefix(space + 1);
  if (absl::EqualsIgnoreCase(scheme, "Bearer")) return IsToken(credentials);
  return absl::EqualsIgnoreCase(scheme, "Basic") &&
         IsToken(PasswordOf(credentials).value_or(""));
}

// libmicrohttpd is lenient, and its strict mode (MHD_OPTION_STRICT_FOR_CLIENT)
// sends two heads for one answer.
std::optional<HttpAnswer> AdminAccess::Refusal(
    const HttpRequest& request) const {
  const std::string ambiguous = request.WhyAmbiguous(kOnce);
  if (!ambiguous.empty()) return Refused(400, ambiguous);
  const std::string host =
      absl::AsciiStrToLower(request.Header("Host").value_or(""));
  if (!IsOurs(host)) {
    return Refused(421,
                   "the Host of this request is not a name of this listener; "
                   "ask by its address, or add the name to admin_hosts");
  }
  if (options_.token_to_read && !HasTokenToRead(request)) {
    HttpAnswer answer =
        Refused(401,
                "this needs the token of admin_token_file: in the header "
                "X-Pinion-Token, as a bearer, or as the password of any user");
    answer.headers.emplace_back("WWW-Authenticate",
                                "Basic realm=\"pinion admin\"");
    return answer;
  }
  if (request.is_post()) return RefusalOfChange(request, host);
  return std::nullopt;
}

// A browser sends the header X-Pinion-Token only for pages of this listener.
// That its Origin is right is checked apart from that.
std::optional<HttpAnswer> AdminAccess::RefusalOfChange(
    const HttpRequest& request, absl::string_view host) const {
  const auto origin = request.Header("Origin");
  const std::string own =
      absl::StrCat(options_.encrypted ? "https://" : "http://", host);
  if (origin.has_value() && !absl::EqualsIgnoreCase(*origin, own)) {
    return Refused(403, "a page of another origin may change nothing here");
  }
  if (options_.token.empty()) {
    return Refused(403,
                   "changes need a token: set admin_token_file to a file with "
                   "one, and start again");
  }
  if (!IsToken(request.Header("X-Pinion-Token").value_or(""))) {
    return Refused(403,
                   "changes need the token of admin_token_file in the header "
                   "X-Pinion-Token");
  }
  return std::nullopt;
}

}  // namespace pinion
