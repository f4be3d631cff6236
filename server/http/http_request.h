// SPDX-License-Identifier: Apache-2.0
//
// HttpRequest: a request that has arrived whole, as its answer's maker sees it.
//
// Threads: the listener's. It lives as long as the call that gets it.
// Strangers: all of it is theirs. The path and the query are decoded; neither
//          need be UTF-8.
// Example: if (request.path() == "/why") return Why(request.Query("key"));
#ifndef PINION_SERVER_HTTP_HTTP_REQUEST_H_
#define PINION_SERVER_HTTP_HTTP_REQUEST_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

struct MHD_Connection;

namespace pinion {

class HttpRequest {
 public:
  // The first line, as it came: "GET", "/why?key=%61", "HTTP/1.1".
  struct Line {
    absl::string_view method;
    absl::string_view target;
    absl::string_view version;
  };

  HttpRequest(MHD_Connection* connection, const Line& line,
              absl::string_view path, absl::string_view body)
      : connection_(connection), line_(line), path_(path), body_(body) {}

  // "GET", "HEAD" or "POST".
  absl::string_view method() const { return line_.method; }
  bool is_post() const { return method() == "POST"; }
  // Without the query.
  absl::string_view path() const { return path_; }
  // Empty unless it is a POST.
  absl::string_view body() const { return body_; }

  // The address of who asks: "127.0.0.1:40123"; "unix:" of a Unix socket.
  std::string Peer() const;
  // The first header of this name, whatever its case; none if there is none.
  std::optional<absl::string_view> Header(const char* name) const;
  // The first "name=value" of the query; none if there is none.
  std::optional<absl::string_view> Query(absl::string_view name) const;

  // Why something else, such as a proxy, may have read its head in another way
  // than this: a header of `once`, or one that says where the body ends, is
  // there twice; or a byte is not where HTTP has one. Empty: it may not.
  std::string WhyAmbiguous(absl::Span<const absl::string_view> once) const;

 private:
  MHD_Connection* const connection_;
  const Line line_;
  const absl::string_view path_;
  const absl::string_view body_;
};

}  // namespace pinion

#endif  // PINION_SERVER_HTTP_HTTP_REQUEST_H_
