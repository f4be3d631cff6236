// SPDX-License-Identifier: Apache-2.0
//
// MeasureQueueLoop: keeps a number of unary calls in flight by a completion
// queue, which costs a client less than callbacks, and measures.
//
// Threads: the caller's alone does it all.
// Example: std::vector<std::unique_ptr<QueueCall>> calls;  // How many in
// flight.
//          while (calls.size() < 64) calls.push_back(...);
//          auto figures =
//              MeasureQueueLoop(server, calls, absl::Seconds(1));
#ifndef PINION_TESTS_BENCH_SUPPORT_QUEUE_LOOP_H_
#define PINION_TESTS_BENCH_SUPPORT_QUEUE_LOOP_H_

#include <grpcpp/completion_queue.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "pinion/tests/bench/support/call_figures.h"
#include "pinion/tests/bench/support/child_process.h"

namespace pinion::bench {

// A place for one call at a time.
class QueueCall {
 public:
  virtual ~QueueCall() = default;

  // Sends a call; `tag` comes out of `queue` when it has ended, and then
  // another may be sent.
  virtual void Begin(grpc::CompletionQueue& queue, void* tag) = 0;

  // Has an open call end soon.
  virtual void Cancel() = 0;

  // After the tag came: an error if the call failed, or its answer is wrong.
  virtual absl::Status Check() = 0;
};

// Calls for `length`, and for a moment before, which is not measured: begins
// the next call when one is answered. An error if a Check() has one, or no call
// is answered for long.
absl::StatusOr<CallFigures> MeasureQueueLoop(
    const ChildProcess& server,
    absl::Span<const std::unique_ptr<QueueCall>> calls, absl::Duration length);

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_QUEUE_LOOP_H_
