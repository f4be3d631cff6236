// SPDX-License-Identifier: Apache-2.0
//
// AcceptLoop: accepts connections from listening sockets, within limits, and
//             gives them to gRPC.
//
// Threads: the owner starts and stops it; any thread may ask for the counts and
//          change the limits. Its own thread, pinion-accept, sleeps in poll().
// Why:     gRPC 1.51 stops accepting for good, without a word, once it has had
//          no descriptor for a connection. Nor does it limit connections.
// Files:   when descriptors run out, the loop waits, and connections wait in
//          the kernel. It goes on when there are descriptors again, and logs
//          one line each time.
// Example: AcceptLoop loop(*std::move(sockets), options, give_to_grpc);
//          status = loop.Start();
//          ...
//          loop.Stop();
#ifndef PINION_SERVER_LISTENER_ACCEPT_LOOP_H_
#define PINION_SERVER_LISTENER_ACCEPT_LOOP_H_

#include <poll.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "pinion/core/base/thread_role.h"
#include "pinion/core/clock.h"
#include "pinion/server/connection_counts.h"
#include "pinion/server/listener/episode.h"
#include "pinion/server/listener/listening_sockets.h"
#include "pinion/server/listener/open_connections.h"
#include "pinion/server/listener/socket_address.h"
#include "pinion/server/log.h"
#include "pinion/server/party/trusted_proxies.h"

namespace pinion {

struct AcceptOptions {
  ConnectionLimits limits;
  TrustedProxies proxies = {};
  LogSink log = {};
  Clock clock = {};
};

class AcceptLoop {
 public:
  // Gets each connection, which it must close when the connection ends, and the
  // listening socket that it came from. Called on the loop's thread.
  using Take = std::function<void(int descriptor, int listener)>;

  AcceptLoop(ListeningSockets sockets, AcceptOptions options, Take take);
  ~AcceptLoop();  // Calls Stop() first.
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;

  // Starts the thread. Call it once. UNAVAILABLE if the kernel provides no way
  // to wake the thread.
  absl::Status Start();

  // Ends the thread and closes the listening sockets. Connections that were
  // given away stay open. You may call it more than once.
  void Stop();

  // Changes AcceptOptions::limits. Connections that are open stay so.
  void SetLimits(const ConnectionLimits& limits) {
    connections_.SetLimits(limits);
  }

  ConnectionCounts Counts() { return connections_.Counts(); }

 private:
  void Run() ABSL_EXCLUSIVE_LOCKS_REQUIRED(accept_thread_);
  // Returns false if the thread must end.
  bool Sleep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(accept_thread_);
  int SleepMillis() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(accept_thread_);
  void AcceptFromAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(accept_thread_);
  void AcceptFrom(int listener) ABSL_EXCLUSIVE_LOCKS_REQUIRED(accept_thread_);
  void Receive(int descriptor, int listener, const SocketAddress& peer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(accept_thread_);
  void Pause(int error) ABSL_EXCLUSIVE_LOCKS_REQUIRED(accept_thread_);
  void SayWhatIsOver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(accept_thread_);
  LogRecord WhyPaused(int error);

  // Fixed at construction.
  const AcceptOptions options_;
  const Take take_;

  OpenConnections connections_;

  // The owner's only.
  ListeningSockets sockets_;
  int bell_ = -1;  // An eventfd, rung to end the thread.
  std::thread thread_;

  // The thread's only.
  ThreadRole accept_thread_;
  // The bell and the listening sockets.
  std::vector<pollfd> polled_ ABSL_GUARDED_BY(accept_thread_);
  // While it waits for descriptors.
  std::optional<Moment> paused_until_ ABSL_GUARDED_BY(accept_thread_);
  Episode pauses_ ABSL_GUARDED_BY(accept_thread_);
  Episode refusals_ ABSL_GUARDED_BY(accept_thread_);
};

}  // namespace pinion

#endif  // PINION_SERVER_LISTENER_ACCEPT_LOOP_H_
