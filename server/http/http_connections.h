// SPDX-License-Identifier: Apache-2.0
//
// HttpConnections: answers the requests on HTTP connections that it is given,
//                  one request on each, by libmicrohttpd.
//
// Threads: the owner's only. It has no thread: the owner polls descriptor() and
//          calls Serve().
// Bounds:  there are at most kMost connections, and each lives for
//          HttpOptions::longest at most, whatever its client sends. A further
//          one ends the oldest: a client that asks at once gets its answer,
//          though others hold connections and say nothing. Streams, which live
//          longer, have bounds of their own (http_options.h).
// Example: HttpConnections connections([](const HttpRequest& request) {
//            return request.path() == "/readyz" ? HttpAnswer{200, "ok\n"}
//                                               : HttpAnswer{404, "unknown\n"};
//          });
//          connections.Add(accepted, peer);
//          until = connections.Serve();
#ifndef PINION_SERVER_HTTP_HTTP_CONNECTIONS_H_
#define PINION_SERVER_HTTP_HTTP_CONNECTIONS_H_

#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "pinion/core/clock.h"
#include "pinion/server/http/http_answer.h"
#include "pinion/server/http/http_options.h"
#include "pinion/server/http/http_request.h"
#include "pinion/server/http/http_stream.h"
#include "pinion/server/listener/socket_address.h"

struct MHD_Connection;
struct MHD_Daemon;

namespace pinion {

class HttpConnections {
 public:
  static constexpr size_t kMost = 64;

  // Gets GET and HEAD requests, and POST requests if bodies may have a byte.
  // All other methods are refused with 405.
  using Answer = std::function<HttpAnswer(const HttpRequest&)>;

  explicit HttpConnections(Answer answer, HttpOptions options = {},
                           const Clock& clock = {});
  ~HttpConnections();  // Ends them all.
  HttpConnections(const HttpConnections&) = delete;
  HttpConnections& operator=(const HttpConnections&) = delete;

  // False if libmicrohttpd had no memory or descriptors to begin with, or does
  // not take the certificate; then call nothing else.
  bool ok() const { return daemon_ != nullptr; }

  // Takes over the connection `descriptor`, which must not block.
  void Add(int descriptor, const SocketAddress& peer);

  // Ends the oldest connection, if any, or else the oldest stream. It gives its
  // descriptor back with the next Serve().
  void EndOldest();

  // Is readable when there is something to Serve().
  int descriptor() const;

  // Serves what has arrived, sends what is due, and ends the connections that
  // are over. Returns when to call it again at the latest; none: not before
  // descriptor() is readable.
  std::optional<Moment> Serve();

 private:
  struct Connection {
    int descriptor = -1;
    Moment begun = {};
    bool ended = false;       // By us; libmicrohttpd has yet to see it.
    std::string target = {};  // Of its request's first line.
    bool has_head = false;    // Its request's head has arrived.
    std::string body = {};
    bool too_long = false;
    std::optional<HttpStream> stream = std::nullopt;
  };
  using Connections = std::list<Connection>;

  // What libmicrohttpd calls, within Add() and Serve().
  struct Callbacks;

  // The answer to a request whose head has arrived, if that is enough.
  std::optional<HttpAnswer> AnswerToHead(const HttpRequest& request) const;
  HttpAnswer Refused() const;
  HttpAnswer TooLong() const;
  // Queues `answer` on `connection`, which is the one of `one`. False ends it.
  bool Queue(MHD_Connection* connection, Connection& one,
             const HttpRequest& request, HttpAnswer answer);
  void BeginStream(MHD_Connection* connection, Connection& one);

  // Returns whether there was one.
  static bool EndFirst(Connections& among);
  static void End(Connection& connection);
  void EndOverdue();
  void SendToStreams();
  void Remove(const Connection* connection);

  const Answer answer_;
  const HttpOptions options_;
  const Clock clock_;
  Connections connections_;  // The oldest first.
  Connections streams_;      // The oldest first.
  Moment next_message_;      // While there are streams.
  MHD_Daemon* daemon_;
};

}  // namespace pinion

#endif  // PINION_SERVER_HTTP_HTTP_CONNECTIONS_H_
