// SPDX-License-Identifier: Apache-2.0
//
// HttpOptions: the bounds of an HTTP listener, and what it may do beyond GET.
//
// Threads: plain data.
// Example: HttpListener listener(*std::move(sockets), answer,
//                                {.thread_name = "pinion-probes"});
#ifndef PINION_SERVER_HTTP_HTTP_OPTIONS_H_
#define PINION_SERVER_HTTP_HTTP_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "pinion/server/http/http_answer.h"

namespace pinion {

// Both in PEM form, and checked to belong together (core/tls/certificates.h).
struct HttpTls {
  std::string certificate;
  std::string key;
};

// Answers without an end. All of them send the same messages, which are made
// once.
struct HttpStreams {
  // At most so many; a further one is refused with 503. 0: there are none.
  size_t most = 0;
  // Makes what a new one sends first.
  std::function<std::string()> first = {};
  // Makes what all of them send next, once each `every`, while there are any.
  std::function<std::string()> next = {};
  std::chrono::milliseconds every{1000};
  // Ends a stream whose client has taken nothing for so long while something
  // waited to be sent. What the kernel holds for the client counts as taken: at
  // most some hundred KiB.
  std::chrono::seconds patience{10};
};

struct HttpOptions {
  // At most 15 characters.
  std::string thread_name = "pinion-http";
  // For a request without its body, and the head of its answer. A longer
  // request is refused.
  size_t head_bytes = 4096;
  // The longest body of a POST. 0: POST is refused with 405.
  size_t body_bytes = 0;
  // A connection ends after this time, whatever its client sends or takes,
  // unless it is a stream.
  std::chrono::seconds longest{5};
  // Of each answer, whoever made it, but for those to what is no HTTP, which
  // libmicrohttpd answers by itself.
  HttpHeaders headers = {};
  HttpStreams streams = {};
  // None: nothing is encrypted. It needs TLS 1.2 or 1.3 of its clients.
  std::optional<HttpTls> tls = std::nullopt;
};

}  // namespace pinion

#endif  // PINION_SERVER_HTTP_HTTP_OPTIONS_H_
