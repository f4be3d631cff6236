// SPDX-License-Identifier: Apache-2.0
//
// EchoClient: keeps a number of Echo calls in flight to one server, checks each
// answer, and measures.
//
// Threads: the owner's alone; the calls run on its thread, by a completion
//          queue. Made after all ChildProcesses were started.
// Example: EchoClient client(*child);
//          auto figures = client.Measure(64, absl::Seconds(1));
#ifndef PINION_TESTS_BENCH_ECHO_ECHO_CLIENT_H_
#define PINION_TESTS_BENCH_ECHO_ECHO_CLIENT_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pinion/tests/bench/echo/async_echo.h"
#include "pinion/tests/bench/echo/echo_connections.h"
#include "pinion/tests/bench/support/call_figures.h"
#include "pinion/tests/bench/support/child_process.h"

namespace pinion::bench {

class EchoClient {
 public:
  // `server` outlives the client.
  explicit EchoClient(const ChildProcess& server) : connections_(server) {}

  // For calls of another kind, while Measure() is not at work.
  EchoConnections& connections() { return connections_; }

  // As MeasureQueueLoop(). An error if a call fails, brings another payload
  // than it was sent, or is not answered for long.
  absl::StatusOr<CallFigures> Measure(int in_flight, absl::Duration length,
                                      const EchoAsk& ask = {});

 private:
  EchoConnections connections_;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_ECHO_CLIENT_H_
