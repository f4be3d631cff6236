// SPDX-License-Identifier: Apache-2.0
//
// AdminAccess: which requests the admin page's listener answers, and which it
//              refuses: by their Host, Origin and token.
//
// Threads: immutable; any thread.
// Why:     Host: a page of a stranger's may give its name the address
//          127.0.0.1, and would then read all as its own (DNS rebinding); its
//          requests still have that name.
//          Origin: a page that sends what it cannot read.
//          A request that others may read in another way, with two Hosts say,
//          is refused before any of that.
// Example: if (auto refused = access.Refusal(request)) return *refused;
#ifndef PINION_SERVER_ADMIN_ADMIN_ACCESS_H_
#define PINION_SERVER_ADMIN_ADMIN_ACCESS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/server/http/http_answer.h"
#include "pinion/server/http/http_request.h"

namespace pinion {

struct AdminAccessOptions {
  // The address that it listens on.
  std::string listen = {};
  // Further names, with or without a port.
  std::vector<std::string> hosts = {};
  // Empty: there is none.
  std::string token = {};
  // Whether reading needs the token, too.
  bool token_to_read = false;
  bool encrypted = false;
};

class AdminAccess {
 public:
  // INVALID_ARGUMENT unless `host` is a name or an IP address, in brackets if
  // IPv6, with or without ":port".
  static absl::Status CheckHost(absl::string_view host);
  // The token in a file's text. INVALID_ARGUMENT, without the token, if it is
  // too short or too long, or has other than printable characters.
  static absl::StatusOr<std::string> TokenIn(absl::string_view text);

  explicit AdminAccess(AdminAccessOptions options);

  // What to answer instead, if the request is refused.
  std::optional<HttpAnswer> Refusal(const HttpRequest& request) const;

 private:
  bool IsOurs(absl::string_view host) const;
  bool IsToken(absl::string_view text) const;
  // The token in a header with which browsers and scrapers read.
  bool HasTokenToRead(const HttpRequest& request) const;
  std::optional<HttpAnswer> RefusalOfChange(const HttpRequest& request,
                                            absl::string_view host) const;

  const AdminAccessOptions options_;
  // In lower case.
  std::vector<std::string> hosts_;
  bool any_ip_address_ = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_ADMIN_ACCESS_H_
