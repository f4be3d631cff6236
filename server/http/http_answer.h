// SPDX-License-Identifier: Apache-2.0
//
// HttpAnswer: what an HTTP listener answers to one request.
//
// Threads: plain data.
// Example: return HttpAnswer{200, "ok\n"};
#ifndef PINION_SERVER_HTTP_HTTP_ANSWER_H_
#define PINION_SERVER_HTTP_HTTP_ANSWER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace pinion {

// Each a name of static storage, and a value without line ends.
using HttpHeaders = std::vector<std::pair<const char*, std::string>>;

struct HttpAnswer {
  int status = 200;
  // The body, of static storage; `made` if that is not empty.
  absl::string_view text = {};
  std::string made = {};
  // Its content type, of static storage.
  const char* type = "text/plain";
  // More headers than HttpOptions::headers. "Connection: close" and
  // "Cache-Control: no-store" are always there.
  HttpHeaders headers = {};
  // Whether the body has no end: it is what HttpStreams sends. Such an answer
  // has no text.
  bool streams = false;

  absl::string_view body() const {
    return made.empty() ? text : absl::string_view(made);
  }
};

}  // namespace pinion

#endif  // PINION_SERVER_HTTP_HTTP_ANSWER_H_
