// SPDX-License-Identifier: Apache-2.0
//
// RawHttp2: a client that speaks HTTP/2 by libnghttp2, bytes in and bytes out.
//           A test sees and says what a gRPC client would not let it.
//
// Threads: one.
// Example: RawHttp2 client;
//          const int32_t id = client.Begin("/a.B/C", Framed("request"));
//          connection.Receive(client.TakeBytes());
//          client.Feed(connection.Unsent());
//          EXPECT_EQ(client.answer(id).headers["grpc-status"], "0");
#ifndef PINION_TESTS_SERVER_ADMIN_RAW_HTTP2_H_
#define PINION_TESTS_SERVER_ADMIN_RAW_HTTP2_H_

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/check.h"

namespace pinion::testing {

// With the prefix of a gRPC message that is not compressed.
inline std::string Framed(absl::string_view message) {
  const auto size = static_cast<uint32_t>(message.size());
  std::string framed = {'\0', static_cast<char>(size >> 24),
                        static_cast<char>(size >> 16),
                        static_cast<char>(size >> 8), static_cast<char>(size)};
  absl::StrAppend(&framed, message);
  return framed;
}

class RawHttp2 {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  struct Answer {
    std::map<std::string, std::string> headers;  // With the trailers.
    std::string body;
    bool ended = false;
    uint32_t error = 0;  // Of HTTP/2.
  };

  RawHttp2() {
    nghttp2_session_callbacks* callbacks = nullptr;
    PINION_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks,
        [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
           size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
           void* self) {
          Of(self)
              .answers_[frame->hd.stream_id]
              .headers[Text(name, name_size)] = Text(value, value_size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, uint8_t, int32_t id,
                      const uint8_t* data, size_t size, void* self) {
          Of(self).answers_[id].body += Text(data, size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks,
        [](nghttp2_session*, int32_t id, uint32_t error, void* self) {
          Of(self).answers_[id].ended = true;
          Of(self).answers_[id].error = error;
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks,
        [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          if (frame->hd.type == NGHTTP2_GOAWAY) Of(self).sent_away_ = true;
          return 0;
        });
    PINION_CHECK(nghttp2_session_client_new(&session_, callbacks, this) == 0);
    nghttp2_session_callbacks_del(callbacks);
    PINION_CHECK(
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0) == 0);
  }
  ~RawHttp2() { nghttp2_session_del(session_); }
  RawHttp2(const RawHttp2&) = delete;
  RawHttp2& operator=(const RawHttp2&) = delete;

  // Begins a call as gRPC does; `more` replaces headers of its name. Returns
  // its stream. Without `ends`, more of the body may follow by a further one.
  int32_t Begin(absl::string_view path, std::string body, Headers more = {},
                bool ends = true) {
    Headers headers = {
        {":method", "POST"},          {":scheme", "http"},
        {":path", std::string(path)}, {":authority", "localhost"},
        {"te", "trailers"},           {"content-type", "application/grpc"}};
    for (auto& header : more) {
      const auto same = std::find_if(
          headers.begin(), headers.end(),
          [&](const auto& one) { return one.first == header.first; });
      if (same == headers.end()) {
        headers.push_back(std::move(header));
      } else {
        same->second = header.second;
      }
    }
    std::vector<nghttp2_nv> fields;
    for (auto& [name, value] : headers) {
      fields.push_back({reinterpret_cast<uint8_t*>(name.data()),
                        reinterpret_cast<uint8_t*>(value.data()), name.size(),
                        value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    bodies_.push_back({.text = std::move(body), .ends = ends});
    nghttp2_data_provider provider = {};
    provider.source.ptr = &bodies_.back();
    provider.read_callback = [](nghttp2_session*, int32_t, uint8_t* buffer,
                                size_t room, uint32_t* flags,
                                nghttp2_data_source* source, void*) -> ssize_t {
      Body& sent = *static_cast<Body*>(source->ptr);
      const size_t size = std::min(room, sent.text.size() - sent.sent);
      if (size == 0 && !sent.ends) return NGHTTP2_ERR_DEFERRED;
      std::memcpy(buffer, sent.text.data() + sent.sent, size);
      sent.sent += size;
      if (sent.sent == sent.text.size() && sent.ends) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
      }
      return static_cast<ssize_t>(size);
    };
    const int32_t id = nghttp2_submit_request(
        session_, nullptr, fields.data(), fields.size(), &provider, nullptr);
    PINION_CHECK(id > 0);
    return id;
  }

  void Reset(int32_t id) {
    PINION_CHECK(nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id,
                                           NGHTTP2_CANCEL) == 0);
  }
  void Ping() {
    PINION_CHECK(nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr) ==
                 0);
  }

  // What it would send now.
  std::string TakeBytes() {
    std::string bytes;
    const uint8_t* data = nullptr;
    while (true) {
      const ssize_t size = nghttp2_session_mem_send(session_, &data);
      PINION_CHECK(size >= 0);
      if (size == 0) return bytes;
      bytes += Text(data, static_cast<size_t>(size));
    }
  }

  // What it has received.
  void Feed(absl::string_view bytes) {
    PINION_CHECK(nghttp2_session_mem_recv(
                     session_, reinterpret_cast<const uint8_t*>(bytes.data()),
                     bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }

  Answer& answer(int32_t id) { return answers_[id]; }
  // Whether the server has said that the connection ends.
  bool sent_away() const { return sent_away_; }

 private:
  struct Body {
    std::string text;
    bool ends;
    size_t sent = 0;
  };

  static RawHttp2& Of(void* self) { return *static_cast<RawHttp2*>(self); }
  static std::string Text(const uint8_t* data, size_t size) {
    return {reinterpret_cast<const char*>(data), size};
  }

  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Answer> answers_;
  std::list<Body> bodies_;
  bool sent_away_ = false;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SERVER_ADMIN_RAW_HTTP2_H_
