// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/admin/grpc_connection.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace pinion {
namespace {

// All headers of one request.
constexpr size_t kMostHeaderBytes = 16 * 1024;
// Of an error's text, before it is escaped.
constexpr size_t kMostErrorBytes = 1024;

// Before each message: whether it is compressed, and its length.
constexpr size_t kPrefixBytes = 5;

absl::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

std::string PrefixOf(absl::string_view message) {
  const auto size = static_cast<uint32_t>(message.size());
  return {'\0', static_cast<char>(size >> 24), static_cast<char>(size >> 16),
          static_cast<char>(size >> 8), static_cast<char>(size)};
}

// The message of a request that has arrived completely.
absl::StatusOr<absl::string_view> MessageOf(absl::string_view request) {
  if (request.size() < kPrefixBytes) {
    return absl::InternalError(
        "the request ended before its message: a unary call has one message");
  }
  if (request[0] != 0) {
    return absl::UnimplementedError(
        "the request is compressed, which the admin socket does not support");
  }
  uint32_t size = 0;
  for (size_t i = 1; i < kPrefixBytes; ++i) {
    size = size << 8 | static_cast<uint8_t>(request[i]);
  }
  request.remove_prefix(kPrefixBytes);
  if (size > request.size()) {
    return absl::InternalError(absl::StrCat("the request ended after ",
                                            request.size(), " of the ", size,
                                            " bytes of its message"));
  }
  if (size < request.size()) {
    return absl::InternalError(
        "the request has more than one message: the method is unary");
  }
  return request;
}

// As gRPC has it in grpc-message: printable ASCII but for "%" as it is, all
// else as %XX.
std::string PercentEncoded(absl::string_view text) {
  std::string encoded;
  for (const char c : text.substr(0, kMostErrorBytes)) {
    if (c >= ' ' && c <= '~' && c != '%') {
      encoded.push_back(c);
    } else {
      absl::StrAppendFormat(&encoded, "%%%02X", static_cast<uint8_t>(c));
    }
  }
  return encoded;
}

// libnghttp2 copies both.
nghttp2_nv Header(absl::string_view name, absl::string_view value) {
  const auto bytes = [](absl::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NONE};
}

nghttp2_nv ContentType() { return Header("content-type", "application/grpc"); }

}  // namespace

struct GrpcConnection::Callbacks {
  static GrpcConnection& Of(void* self) {
    return *static_cast<GrpcConnection*>(self);
  }

  static int BeginHeaders(nghttp2_session*, const nghttp2_frame* frame,
                          void* self) {
    GrpcConnection& owner = Of(self);
    if (frame->hd.type == NGHTTP2_HEADERS &&
        frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      owner.streams_[frame->hd.stream_id].begun = owner.clock_.Now();
    }
    return 0;
  }

  static int AddHeader(nghttp2_session*, const nghttp2_frame* frame,
                       const uint8_t* name, size_t name_size,
                       const uint8_t* value, size_t value_size, uint8_t,
                       void* self) {
    Stream* const stream = Of(self).Find(frame->hd.stream_id);
    if (stream == nullptr) return 0;
    stream->header_bytes += name_size + value_size;
    if (stream->header_bytes > kMostHeaderBytes) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // Resets the stream.
    }
    const absl::string_view header = View(name, name_size);
    const auto keep = [&](absl::string_view wanted, std::string& where) {
      if (header == wanted) where = std::string(View(value, value_size));
    };
    keep(":method", stream->method);
    keep(":path", stream->path);
    keep("content-type", stream->content_type);
    return 0;
  }

  static int AddData(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data,
                     size_t size, void* self) {
    Stream* const stream = Of(self).Find(id);
    if (stream == nullptr || stream->too_long) return 0;
    absl::StrAppend(&stream->request, View(data, size));
    if (stream->request.size() > kPrefixBytes + kMostRequestBytes) {
      stream->too_long = true;
      std::string().swap(stream->request);
    }
    return 0;
  }

  static int EndFrame(nghttp2_session*, const nghttp2_frame* frame,
                      void* self) {
    GrpcConnection& owner = Of(self);
    if (frame->hd.type == NGHTTP2_SETTINGS) owner.greeted_ = true;
    const bool has_end =
        frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!has_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    if (Stream* const stream = owner.Find(frame->hd.stream_id)) {
      owner.Answer(frame->hd.stream_id, *stream);
    }
    return 0;
  }

  static int EndStream(nghttp2_session*, int32_t id, uint32_t, void* self) {
    Of(self).streams_.erase(id);
    return 0;
  }

  // The response's next bytes; at its end the trailers, which gRPC's status is.
  static ssize_t Read(nghttp2_session* session, int32_t id, uint8_t* buffer,
                      size_t room, uint32_t* flags, nghttp2_data_source*,
                      void* self) {
    Stream* const stream = Of(self).Find(id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const size_t copied = stream->response.copy(reinterpret_cast<char*>(buffer),
                                                room, stream->response_sent);
    stream->response_sent += copied;
    if (stream->response_sent == stream->response.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const nghttp2_nv ok = Header("grpc-status", "0");
      if (nghttp2_submit_trailer(session, id, &ok, 1) != 0) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      }
    }
    return static_cast<ssize_t>(copied);
  }
};

GrpcConnection::GrpcConnection(Methods methods, const Clock& clock)
    : methods_(std::move(methods)), clock_(clock), begun_(clock.Now()) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) == 0 &&
      nghttp2_option_new(&option) == 0) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(
        callbacks, &Callbacks::BeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(callbacks,
                                                     &Callbacks::AddHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, &Callbacks::AddData);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                         &Callbacks::EndFrame);
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, &Callbacks::EndStream);
    // It would remember them for priorities, which nobody uses here.
    nghttp2_option_set_no_closed_streams(option, 1);
    if (nghttp2_session_server_new2(&session_, callbacks, this, option) != 0) {
      session_ = nullptr;
    }
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const std::array<nghttp2_settings_entry, 2> settings = {
      {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMostStreams},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMostHeaderBytes}}};
  failed_ = session_ == nullptr ||
            nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE,
                                    settings.data(), settings.size()) != 0;
}

GrpcConnection::~GrpcConnection() { nghttp2_session_del(session_); }

void GrpcConnection::Receive(absl::string_view bytes) {
  if (failed_) return;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  // Negative: it is no HTTP/2 at all, or there is no memory.
  failed_ = taken < 0;
}

absl::string_view GrpcConnection::Unsent() {
  while (session_ != nullptr && unsent_.size() < kUnsentBytes) {
    const uint8_t* frames = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &frames);
    if (size <= 0) break;  // Nothing more now, or no memory.
    if (unsent_.empty()) sent_ = clock_.Now();
    absl::StrAppend(&unsent_, View(frames, static_cast<size_t>(size)));
  }
  return unsent_;
}

void GrpcConnection::Sent(size_t bytes) {
  if (bytes != 0) sent_ = clock_.Now();
  unsent_.erase(0, bytes);
}

bool GrpcConnection::over() const {
  if (!unsent_.empty()) return false;
  return failed_ || (nghttp2_session_want_read(session_) == 0 &&
                     nghttp2_session_want_write(session_) == 0);
}

std::optional<Moment> GrpcConnection::overdue_at() const {
  if (idle()) return std::nullopt;
  Moment since = greeted_ ? clock_.Now() : begun_;
  if (!streams_.empty())
    since = std::min(since, streams_.begin()->second.begun);
  if (!unsent_.empty()) since = std::min(since, sent_);
  return since + kLongestCall;
}

GrpcConnection::Stream* GrpcConnection::Find(int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : &found->second;
}

void GrpcConnection::Answer(int32_t id, Stream& stream) {
  if (stream.method != "POST") return SendHttpError(id, "405");
  if (!absl::StartsWith(stream.content_type, "application/grpc")) {
    return SendHttpError(id, "415");
  }
  const absl::StatusOr<std::string> response = ResponseTo(stream);
  if (!response.ok()) return SendError(id, response.status());
  SendResponse(id, stream, *response);
}

absl::StatusOr<std::string> GrpcConnection::ResponseTo(
    const Stream& stream) const {
  if (stream.too_long) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the request has more than ", kMostRequestBytes, " bytes"));
  }
  const auto message = MessageOf(stream.request);
  if (!message.ok()) return message.status();
  return methods_(stream.path, *message);
}

void GrpcConnection::SendResponse(int32_t id, Stream& stream,
                                  absl::string_view message) {
  std::string().swap(stream.request);
  stream.response = absl::StrCat(PrefixOf(message), message);
  const std::array<nghttp2_nv, 2> headers = {Header(":status", "200"),
                                             ContentType()};
  nghttp2_data_provider provider = {};
  provider.read_callback = &Callbacks::Read;
  nghttp2_submit_response(session_, id, headers.data(), headers.size(),
                          &provider);
}

void GrpcConnection::SendError(int32_t id, const absl::Status& status) {
  const std::string code = absl::StrCat(static_cast<int>(status.code()));
  const std::string text = PercentEncoded(status.message());
  const std::array<nghttp2_nv, 4> headers = {
      Header(":status", "200"), ContentType(), Header("grpc-status", code),
      Header("grpc-message", text)};
  nghttp2_submit_response(session_, id, headers.data(), headers.size(),
                          /*data_prd=*/nullptr);
}

void GrpcConnection::SendHttpError(int32_t id, absl::string_view status) {
  const nghttp2_nv header = Header(":status", status);
  nghttp2_submit_response(session_, id, &header, 1, /*data_prd=*/nullptr);
}

}  // namespace pinion
