// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/probes/http_connections.h"

#include <microhttpd.h>
#include <sys/socket.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace pinion {
namespace {

// For a request and its answer; a longer request is refused.
constexpr size_t kBytesOfAConnection = 4096;

// Those of libmicrohttpd: connections that have been ended count until the next
// Serve().
constexpr unsigned kMostInAll = 2 * HttpConnections::kMost;

constexpr HttpAnswer kRefused = {MHD_HTTP_METHOD_NOT_ALLOWED, "refused\n"};

bool IsRead(absl::string_view method) {
  return method == MHD_HTTP_METHOD_GET || method == MHD_HTTP_METHOD_HEAD;
}

MHD_Result Queue(MHD_Connection* connection, const HttpAnswer& answer) {
  MHD_Response* const response = MHD_create_response_from_buffer(
      answer.text.size(), const_cast<char*>(answer.text.data()),
      MHD_RESPMEM_PERSISTENT);
  if (response == nullptr) return MHD_NO;  // Ends the connection.
  const auto set = [&](const char* header, const char* value) {
    MHD_add_response_header(response, header, value);
  };
  set(MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
  set(MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  set(MHD_HTTP_HEADER_CONNECTION, "close");
  if (answer.status == MHD_HTTP_METHOD_NOT_ALLOWED) {
    set(MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  }
  const MHD_Result queued = MHD_queue_response(
      connection, static_cast<unsigned>(answer.status), response);
  MHD_destroy_response(response);
  return queued;
}

int DescriptorOf(MHD_Connection* connection) {
  return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
      ->connect_fd;
}

}  // namespace

struct HttpConnections::Callbacks {
  static MHD_Result Request(void* self, MHD_Connection* connection,
                            const char* path, const char* method, const char*,
                            const char*, size_t*, void**) {
    const auto& answer = static_cast<HttpConnections*>(self)->answer_;
    return Queue(connection, IsRead(method) ? answer(path) : kRefused);
  }

  static void Change(void* self, MHD_Connection* connection, void** context,
                     MHD_ConnectionNotificationCode what) {
    auto& owner = *static_cast<HttpConnections*>(self);
    Connections& all = owner.connections_;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
      all.push_back({.descriptor = DescriptorOf(connection),
                     .begun = owner.clock_.Now()});
      *context = &all.back();
      return;
    }
    all.remove_if([&](const Connection& other) { return &other == *context; });
  }
};

// No flag for a thread: the owner calls it. Nor has it a socket to listen on,
// or a log.
HttpConnections::HttpConnections(Answer answer, const Clock& clock)
    : answer_(std::move(answer)),
      clock_(clock),
      daemon_(MHD_start_daemon(
          MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, /*port=*/0,
          /*apc=*/nullptr, /*apc_cls=*/nullptr, &Callbacks::Request, this,
          MHD_OPTION_CONNECTION_MEMORY_LIMIT, kBytesOfAConnection,
          MHD_OPTION_CONNECTION_LIMIT, kMostInAll, MHD_OPTION_NOTIFY_CONNECTION,
          &Callbacks::Change, static_cast<void*>(this), MHD_OPTION_END)) {}

HttpConnections::~HttpConnections() {
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
}

void HttpConnections::Add(int descriptor, const SocketAddress& peer) {
  if (connections_.size() >= kMost) EndOldest();
  // Closes the descriptor if it cannot.
  MHD_add_connection(daemon_, descriptor, peer.get(), peer.size);
}

void HttpConnections::EndOldest() {
  const auto oldest =
      std::find_if(connections_.begin(), connections_.end(),
                   [](const Connection& one) { return !one.ended; });
  if (oldest != connections_.end()) End(*oldest);
}

// libmicrohttpd then finds it closed by its client.
void HttpConnections::End(Connection& connection) {
  shutdown(connection.descriptor, SHUT_RDWR);
  connection.ended = true;
}

int HttpConnections::descriptor() const {
  return MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

std::optional<Moment> HttpConnections::Serve() {
  EndOverdue();
  MHD_run(daemon_);
  MHD_UNSIGNED_LONG_LONG millis;
  if (MHD_get_timeout(daemon_, &millis) == MHD_YES && millis == 0) {
    return clock_.Now();
  }
  if (connections_.empty()) return std::nullopt;
  return connections_.front().begun + kLongest;
}

void HttpConnections::EndOverdue() {
  const Moment now = clock_.Now();
  for (Connection& connection : connections_) {
    if (now - connection.begun < kLongest) return;
    if (!connection.ended) End(connection);
  }
}

}  // namespace pinion
