// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/http/http_connections.h"

#include <microhttpd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace pinion {
namespace {

// What the kernel holds for the client of a stream: little, so that a client
// that does not read is found soon.
constexpr int kBytesInKernel = 64 << 10;

// Each chunk has at most so many bytes of a stream.
constexpr size_t kChunk = 16 << 10;

bool IsRead(absl::string_view method) {
  return method == MHD_HTTP_METHOD_GET || method == MHD_HTTP_METHOD_HEAD;
}

int DescriptorOf(MHD_Connection* connection) {
  return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
      ->connect_fd;
}

ssize_t ReadStream(void* stream, uint64_t, char* bytes, size_t most) {
  return static_cast<HttpStream*>(stream)->Read(bytes, most);
}

MHD_Response* ResponseOf(const HttpAnswer& answer, HttpStream* stream) {
  if (stream != nullptr) {
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kChunk,
                                             &ReadStream, stream, nullptr);
  }
  const absl::string_view body = answer.body();
  return MHD_create_response_from_buffer(
      body.size(), const_cast<char*>(body.data()),
      answer.made.empty() ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY);
}

MHD_OptionItem Item(MHD_OPTION option, size_t value) {
  return {option, static_cast<intptr_t>(value), nullptr};
}

MHD_OptionItem Item(MHD_OPTION option, const char* text) {
  return {option, 0, const_cast<char*>(text)};
}

std::vector<MHD_OptionItem> ItemsOf(const HttpOptions& options) {
  // Connections that have been ended count until the next Serve().
  const size_t most = 2 * (HttpConnections::kMost + options.streams.most);
  std::vector<MHD_OptionItem> items = {
      Item(MHD_OPTION_CONNECTION_MEMORY_LIMIT, options.head_bytes),
      Item(MHD_OPTION_CONNECTION_LIMIT, most),
  };
  if (options.tls.has_value()) {
    items.push_back(
        Item(MHD_OPTION_HTTPS_MEM_CERT, options.tls->certificate.c_str()));
    items.push_back(Item(MHD_OPTION_HTTPS_MEM_KEY, options.tls->key.c_str()));
    items.push_back(Item(MHD_OPTION_HTTPS_PRIORITIES,
                         "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"));
  }
  items.push_back({MHD_OPTION_END, 0, nullptr});
  return items;
}

// No flag for a thread: the owner calls it. Nor has it a socket to listen on,
// or a log.
unsigned FlagsOf(const HttpOptions& options) {
  unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET;
  if (options.streams.most > 0) flags |= MHD_ALLOW_SUSPEND_RESUME;
  if (options.tls.has_value()) flags |= MHD_USE_TLS;
  return flags;
}

}  // namespace

struct HttpConnections::Callbacks {
  static Connection& Of(MHD_Connection* connection) {
    return *static_cast<Connection*>(
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
            ->socket_context);
  }

  // Called with the target of a request's first line, before it is decoded.
  static void* Target(void*, const char* target, MHD_Connection* connection) {
    Of(connection).target = target;
    return nullptr;
  }

  // Called once with the head of a request, then with each part of its body,
  // and once more when all has arrived.
  static MHD_Result Request(void* self, MHD_Connection* connection,
                            const char* path, const char* method,
                            const char* version, const char* part,
                            size_t* part_size, void**) {
    auto& owner = *static_cast<HttpConnections*>(self);
    Connection& one = Of(connection);
    const HttpRequest::Line line = {
        .method = method, .target = one.target, .version = version};
    const auto answer = [&](const HttpRequest& request, HttpAnswer text) {
      return owner.Queue(connection, one, request, std::move(text)) ? MHD_YES
                                                                    : MHD_NO;
    };
    if (!std::exchange(one.has_head, true)) {
      const HttpRequest request(connection, line, path, /*body=*/{});
      std::optional<HttpAnswer> at_once = owner.AnswerToHead(request);
      return at_once.has_value() ? answer(request, *std::move(at_once))
                                 : MHD_YES;
    }
    if (*part_size > 0) {
      one.too_long |= one.body.size() + *part_size > owner.options_.body_bytes;
      if (!one.too_long) one.body.append(part, *part_size);
      *part_size = 0;
      return MHD_YES;
    }
    const HttpRequest request(connection, line, path, one.body);
    return answer(request,
                  one.too_long ? owner.TooLong() : owner.answer_(request));
  }

  static void Change(void* self, MHD_Connection* connection, void** context,
                     MHD_ConnectionNotificationCode what) {
    auto& owner = *static_cast<HttpConnections*>(self);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
      Connection& one = owner.connections_.emplace_back();
      one.descriptor = DescriptorOf(connection);
      one.begun = owner.clock_.Now();
      *context = &one;
      return;
    }
    owner.Remove(static_cast<const Connection*>(*context));
  }
};

HttpConnections::HttpConnections(Answer answer, HttpOptions options,
                                 const Clock& clock)
    : answer_(std::move(answer)),
      options_(std::move(options)),
      clock_(clock),
      next_message_(clock.Now()),
      daemon_(MHD_start_daemon(FlagsOf(options_), /*port=*/0, /*apc=*/nullptr,
                               /*apc_cls=*/nullptr, &Callbacks::Request, this,
                               MHD_OPTION_ARRAY, ItemsOf(options_).data(),
                               MHD_OPTION_URI_LOG_CALLBACK, &Callbacks::Target,
                               static_cast<void*>(this),
                               MHD_OPTION_NOTIFY_CONNECTION, &Callbacks::Change,
                               static_cast<void*>(this), MHD_OPTION_END)) {}

HttpConnections::~HttpConnections() {
  if (daemon_ == nullptr) return;
  // libmicrohttpd must not stop while connections are suspended.
  for (Connection& one : streams_) End(one);
  MHD_stop_daemon(daemon_);
}

void HttpConnections::Add(int descriptor, const SocketAddress& peer) {
  if (connections_.size() >= kMost) EndFirst(connections_);
  // Closes the descriptor if it cannot.
  MHD_add_connection(daemon_, descriptor, peer.get(), peer.size);
}

void HttpConnections::EndOldest() {
  if (!EndFirst(connections_)) EndFirst(streams_);
}

bool HttpConnections::EndFirst(Connections& among) {
  const auto oldest =
      std::find_if(among.begin(), among.end(),
                   [](const Connection& one) { return !one.ended; });
  if (oldest == among.end()) return false;
  End(*oldest);
  return true;
}

// libmicrohttpd then finds it closed by its client.
void HttpConnections::End(Connection& connection) {
  shutdown(connection.descriptor, SHUT_RDWR);
  connection.ended = true;
  if (connection.stream.has_value()) connection.stream->End();
}

void HttpConnections::Remove(const Connection* connection) {
  const auto is_it = [&](const Connection& other) {
    return &other == connection;
  };
  connections_.remove_if(is_it);
  streams_.remove_if(is_it);
}

int HttpConnections::descriptor() const {
  return MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

std::optional<Moment> HttpConnections::Serve() {
  EndOverdue();
  SendToStreams();
  MHD_run(daemon_);
  MHD_UNSIGNED_LONG_LONG millis;
  if (MHD_get_timeout(daemon_, &millis) == MHD_YES && millis == 0) {
    return clock_.Now();
  }
  std::optional<Moment> until;
  if (!connections_.empty()) {
    until = connections_.front().begun + options_.longest;
  }
  if (!streams_.empty()) {
    until = std::min(until.value_or(next_message_), next_message_);
  }
  return until;
}

void HttpConnections::EndOverdue() {
  const Moment now = clock_.Now();
  for (Connection& connection : connections_) {
    if (now - connection.begun < options_.longest) break;
    if (!connection.ended) End(connection);
  }
  for (Connection& connection : streams_) {
    if (!connection.ended &&
        connection.stream->IsStuck(options_.streams.patience)) {
      End(connection);
    }
  }
}

void HttpConnections::SendToStreams() {
  const Moment now = clock_.Now();
  if (streams_.empty() || now < next_message_) return;
  next_message_ = now + options_.streams.every;
  const auto message =
      std::make_shared<const std::string>(options_.streams.next());
  for (Connection& connection : streams_) {
    if (!connection.ended) connection.stream->Send(message);
  }
}

std::optional<HttpAnswer> HttpConnections::AnswerToHead(
    const HttpRequest& request) const {
  if (IsRead(request.method())) return answer_(request);
  if (!request.is_post() || options_.body_bytes == 0) return Refused();
  const auto length = request.Header(MHD_HTTP_HEADER_CONTENT_LENGTH);
  uint64_t size = 0;
  // libmicrohttpd refuses what is no number.
  if (length.has_value() && absl::SimpleAtoi(*length, &size) &&
      size > options_.body_bytes) {
    return TooLong();
  }
  return std::nullopt;
}

HttpAnswer HttpConnections::Refused() const {
  const char* const allowed =
      options_.body_bytes == 0 ? "GET, HEAD" : "GET, HEAD, POST";
  return {.status = MHD_HTTP_METHOD_NOT_ALLOWED,
          .text = "refused\n",
          .headers = {{MHD_HTTP_HEADER_ALLOW, allowed}}};
}

HttpAnswer HttpConnections::TooLong() const {
  return {.status = MHD_HTTP_CONTENT_TOO_LARGE,
          .made = absl::StrCat("the body has more than ", options_.body_bytes,
                               " bytes\n")};
}

bool HttpConnections::Queue(MHD_Connection* connection, Connection& one,
                            const HttpRequest& request, HttpAnswer answer) {
  const bool streams = answer.streams && request.method() == "GET";
  if (streams && streams_.size() >= options_.streams.most) {
    answer.status = MHD_HTTP_SERVICE_UNAVAILABLE;
    answer.type = "text/plain";
    answer.made = absl::StrCat(options_.streams.most,
                               " streams are open already, the most that may "
                               "be; close one of them\n");
  } else if (streams) {
    BeginStream(connection, one);
  }
  MHD_Response* const response =
      ResponseOf(answer, one.stream.has_value() ? &*one.stream : nullptr);
  if (response == nullptr) return false;
  const auto set = [&](const char* header, const char* value) {
    MHD_add_response_header(response, header, value);
  };
  set(MHD_HTTP_HEADER_CONTENT_TYPE, answer.type);
  set(MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  set(MHD_HTTP_HEADER_CONNECTION, "close");
  for (const HttpHeaders& headers : {options_.headers, answer.headers}) {
    for (const auto& [header, value] : headers) set(header, value.c_str());
  }
  const MHD_Result queued = MHD_queue_response(
      connection, static_cast<unsigned>(answer.status), response);
  MHD_destroy_response(response);
  return queued == MHD_YES;
}

void HttpConnections::BeginStream(MHD_Connection* connection, Connection& one) {
  setsockopt(one.descriptor, SOL_SOCKET, SO_SNDBUF, &kBytesInKernel,
             sizeof(kBytesInKernel));
  one.stream.emplace(connection, clock_);
  one.stream->Send(
      std::make_shared<const std::string>(options_.streams.first()));
  if (streams_.empty()) next_message_ = clock_.Now() + options_.streams.every;
  const auto here =
      std::find_if(connections_.begin(), connections_.end(),
                   [&](const Connection& other) { return &other == &one; });
  streams_.splice(streams_.end(), connections_, here);
}

}  // namespace pinion
