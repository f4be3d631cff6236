// SPDX-License-Identifier: Apache-2.0
//
// OpenLoop: Echo calls begun by the clock, whether or not those before them
// were answered, as the many clients of a server would.
//
// Threads: the caller's begins the calls; one of its own takes the answers of
//          unary calls, and the client's those of sessions.
// Example: auto outcomes = RunOpenLoop({{.to = &client.connections(),
//                                        .per_second = 1000,
//                                        .length = absl::Seconds(2)}});
//          for (const Outcome& outcome : (*outcomes)[0]) outcome.latency_ns();
//
// A call's latency is counted from the moment at which it was due, not from
// that at which it was really begun: what held up the client is part of it.
#ifndef PINION_TESTS_BENCH_ECHO_OPEN_LOOP_H_
#define PINION_TESTS_BENCH_ECHO_OPEN_LOOP_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "pinion/client/client.h"
#include "pinion/tests/bench/echo/async_echo.h"
#include "pinion/tests/bench/echo/echo_connections.h"

namespace pinion::bench {

// Calls of one kind.
struct Load {
  // Where they go: unary calls over connections, or through a client, which in
  // sessions takes much less of the CPU that the server might need.
  EchoConnections* to = nullptr;
  Client* client = nullptr;
  EchoAsk ask = {};
  double per_second;
  // Calls are due from `first` on, for `length`.
  absl::Duration first = absl::ZeroDuration();
  absl::Duration length;
  // From when a call is due to its deadline.
  absl::Duration timeout = absl::Seconds(10);
  // Whether calls may be refused, or not be answered in time. Else the first
  // one that is fails the run.
  bool may_fail = false;
  // The gaps between calls: exponential, drawn from this, as if the calls knew
  // nothing of each other; or all alike.
  std::optional<uint64_t> seed = std::nullopt;
};

enum class End {
  kAnswered,
  kRefused,  // RESOURCE_EXHAUSTED, and the server said that no handler ran.
  kExpired,
};

struct Outcome {
  End end;
  int64_t due_ns;  // Both are times of MonotonicNanos().
  int64_t ended_ns;

  int64_t latency_ns() const { return ended_ns - due_ns; }
};

// Runs the loads at the same time, and returns when all calls have ended: the
// outcomes of each load, in the order in which they came.
absl::StatusOr<std::vector<std::vector<Outcome>>> RunOpenLoop(
    absl::Span<const Load> loads);

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_OPEN_LOOP_H_
