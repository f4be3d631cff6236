// SPDX-License-Identifier: Apache-2.0
//
// HttpConnections: answers the requests on HTTP connections that it is given,
//                  one request on each, by libmicrohttpd.
//
// Threads: the owner's only. It has no thread: the owner polls descriptor() and
//          calls Serve().
// Bounds:  there are at most kMost connections, and each lives for kLongest at
//          most, whatever its client sends. A further one ends the oldest: a
//          client that asks at once gets its answer, though others hold
//          connections and say nothing. A request has at most 4 KiB.
// Example: HttpConnections connections([](absl::string_view path) {
//            return path == "/readyz" ? HttpAnswer{200, "ok\n"}
//                                     : HttpAnswer{404, "unknown\n"};
//          });
//          connections.Add(accepted, peer);
//          until = connections.Serve();
#ifndef PINION_SERVER_PROBES_HTTP_CONNECTIONS_H_
#define PINION_SERVER_PROBES_HTTP_CONNECTIONS_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <optional>

#include "absl/strings/string_view.h"
#include "pinion/core/clock.h"
#include "pinion/server/listener/socket_address.h"

struct MHD_Daemon;

namespace pinion {

struct HttpAnswer {
  int status;
  absl::string_view text;  // Of static storage.
};

class HttpConnections {
 public:
  static constexpr size_t kMost = 64;
  static constexpr std::chrono::seconds kLongest{5};

  // Gets the path of a GET or HEAD request, without the query. All other
  // methods are refused with 405.
  using Answer = std::function<HttpAnswer(absl::string_view path)>;

  explicit HttpConnections(Answer answer, const Clock& clock = {});
  ~HttpConnections();  // Ends them all.
  HttpConnections(const HttpConnections&) = delete;
  HttpConnections& operator=(const HttpConnections&) = delete;

  // False if libmicrohttpd had no memory or descriptors to begin with; then
  // call nothing else.
  bool ok() const { return daemon_ != nullptr; }

  // Takes over the connection `descriptor`, which must not block.
  void Add(int descriptor, const SocketAddress& peer);

  // Ends the oldest connection, if any, which gives its descriptor back with
  // the next Serve().
  void EndOldest();

  // Is readable when there is something to Serve().
  int descriptor() const;

  // Serves what has arrived, and ends the connections that are over. Returns
  // when to call it again at the latest; none: not before descriptor() is
  // readable.
  std::optional<Moment> Serve();

 private:
  struct Connection {
    int descriptor;
    Moment begun;
    bool ended = false;  // By us; libmicrohttpd has yet to see it.
  };
  using Connections = std::list<Connection>;

  // What libmicrohttpd calls, within Add() and Serve().
  struct Callbacks;

  void End(Connection& connection);
  void EndOverdue();

  const Answer answer_;
  const Clock clock_;
  Connections connections_;  // The oldest first.
  MHD_Daemon* daemon_;
};

}  // namespace pinion

#endif  // PINION_SERVER_PROBES_HTTP_CONNECTIONS_H_
