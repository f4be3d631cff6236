// SPDX-License-Identifier: Apache-2.0
//
// HttpListener: listens for HTTP requests and answers them on its own thread.
//
// Threads: the owner starts and stops it. The answers, and what streams send,
//          are asked for on the listener's thread, which takes no signals.
// Order:   accepts at most kAcceptedAtOnce connections before it serves, so a
//          flood of connections does not end one whose request has arrived.
// Files:   when descriptors run out, it ends its oldest connection, and waits
//          if it has none. A pinion::Server leaves it some
//          (server/listener/last_files.h).
// Example: HttpListener listener(*std::move(sockets), answer,
//                                {.thread_name = "pinion-probes"});
//          absl::Status status = listener.Start();
#ifndef PINION_SERVER_HTTP_HTTP_LISTENER_H_
#define PINION_SERVER_HTTP_HTTP_LISTENER_H_

#include <poll.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "pinion/core/base/thread_role.h"
#include "pinion/core/clock.h"
#include "pinion/server/http/http_connections.h"
#include "pinion/server/http/http_options.h"
#include "pinion/server/listener/listening_sockets.h"

namespace pinion {

class HttpListener {
 public:
  // `clock` is for tests.
  HttpListener(ListeningSockets sockets, HttpConnections::Answer answer,
               HttpOptions options = {}, const Clock& clock = {});
  ~HttpListener() { Stop(); }
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  // Starts the thread. Call it once. UNAVAILABLE if memory or descriptors are
  // short, or if the TLS library does not take the certificate.
  absl::Status Start();

  // Ends the thread, all connections, and the listening sockets. You may call
  // it more than once, but not from an answer.
  void Stop();

 private:
  static constexpr int kAcceptedAtOnce = 16;

  void Run() ABSL_EXCLUSIVE_LOCKS_REQUIRED(listener_thread_);
  // Returns false if the thread must end.
  bool Sleep(std::optional<Moment> until)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(listener_thread_);
  void AcceptFromAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(listener_thread_);
  void AcceptFrom(int listener) ABSL_EXCLUSIVE_LOCKS_REQUIRED(listener_thread_);
  // Descriptors have run out.
  void MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(listener_thread_);

  const Clock clock_;
  const std::string thread_name_;

  // The owner's only.
  ListeningSockets sockets_;
  int bell_ = -1;  // An eventfd, rung to end the thread.
  std::thread thread_;

  // The thread's only, while it runs.
  ThreadRole listener_thread_;
  std::optional<HttpConnections> connections_;  // None once stopped.
  // The bell, the connections, and the listening sockets.
  std::vector<pollfd> polled_ ABSL_GUARDED_BY(listener_thread_);
  // While it waits for descriptors.
  std::optional<Moment> paused_until_ ABSL_GUARDED_BY(listener_thread_);
};

}  // namespace pinion

#endif  // PINION_SERVER_HTTP_HTTP_LISTENER_H_
