// SPDX-License-Identifier: Apache-2.0
//
// HttpClient: one connection to an HTTP server, of which a test sends and reads
// each byte.
//
// Threads: one at a time.
// Life:    it closes the connection.
// Example: EXPECT_EQ(HttpGet("127.0.0.1:8080", "/readyz").status, 200);
//          HttpClient slow("127.0.0.1:8080");
//          slow.Send("GET /rea");
//          EXPECT_EQ(slow.ReadToEnd(), "");     // The server has given it up.
#ifndef PINION_TESTS_SUPPORT_HTTP_CLIENT_H_
#define PINION_TESTS_SUPPORT_HTTP_CLIENT_H_

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/server/listener/socket_address.h"

namespace pinion::testing {

class HttpClient {
 public:
  // Has a descriptor, and no connection.
  HttpClient() : descriptor_(socket(AF_INET, SOCK_STREAM, 0)) {}
  // The kernel holds about `buffer` bytes for it, unless that is 0.
  explicit HttpClient(absl::string_view address, int buffer = 0) {
    const auto found = Resolve(address);
    if (!found.ok()) {
      ADD_FAILURE() << found.status();
      return;
    }
    descriptor_ = socket(found->at(0).family(), SOCK_STREAM, 0);
    if (buffer != 0) {
      setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    }
    Connect(found->at(0));
  }
  ~HttpClient() { close(descriptor_); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  void Connect(const SocketAddress& address) {
    EXPECT_EQ(connect(descriptor_, address.get(), address.size), 0);
  }

  // What a server that has closed the connection does not take is lost.
  void Send(absl::string_view bytes) {
    send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  // It has sent all; it still reads.
  void CloseSending() { shutdown(descriptor_, SHUT_WR); }

  // Waits until the server has closed the connection; what it had sent and was
  // not read yet.
  std::string ReadToEnd() {
    while (Receive()) {
    }
    return std::exchange(received_, {});
  }

  // Waits for `mark`; all up to its end. Less if the server closes the
  // connection before.
  std::string ReadUntil(absl::string_view mark) {
    size_t from = 0;
    for (;;) {
      const size_t found = absl::string_view(received_).find(mark, from);
      if (found != absl::string_view::npos) return Taken(found + mark.size());
      from = received_.size() - std::min(received_.size(), mark.size());
      if (!Receive()) return std::exchange(received_, {});
    }
  }

  // The next `size` bytes; less if the server closes the connection before.
  std::string Read(size_t size) {
    while (received_.size() < size && Receive()) {
    }
    return Taken(std::min(size, received_.size()));
  }

 private:
  // False if nothing will come.
  bool Receive() {
    char part[4096];
    const ssize_t size = recv(descriptor_, part, sizeof(part), 0);
    if (size <= 0) return false;
    received_.append(part, static_cast<size_t>(size));
    return true;
  }

  std::string Taken(size_t size) {
    std::string taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }

  int descriptor_ = -1;
  std::string received_;  // And not read yet.
};

struct HttpReply {
  int status = 0;  // 0: the server closed the connection without an answer.
  std::string head = {};
  std::string body = {};
};

inline HttpReply ParseHttp(const std::string& text) {
  HttpReply reply;
  const size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos) return reply;
  reply.head = text.substr(0, end + 2);
  reply.body = text.substr(end + 4);
  // "HTTP/1.1 200 OK"
  EXPECT_TRUE(absl::SimpleAtoi(reply.head.substr(9, 3), &reply.status))
      << reply.head;
  return reply;
}

inline std::string RequestFor(absl::string_view path,
                              absl::string_view method = "GET") {
  return absl::StrCat(method, " ", path, " HTTP/1.1\r\nHost: test\r\n\r\n");
}

// What the server answers to one request on a connection of its own.
inline HttpReply HttpAsk(absl::string_view address, absl::string_view request) {
  HttpClient client(address);
  client.Send(request);
  return ParseHttp(client.ReadToEnd());
}

inline HttpReply HttpGet(absl::string_view address, absl::string_view path) {
  return HttpAsk(address, RequestFor(path));
}

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_HTTP_CLIENT_H_
