// SPDX-License-Identifier: Apache-2.0
//
// StallReports: what becomes of a StallWatch's reports: lines of the log, with
//               the stack of the worker, and the stalls that are kept for the
//               operator.
//
// Threads: the watch's thread calls Report() and SetState(). Any thread may
//          call SetStacks().
// Example: StallReports reports({.log = log.sink(), .running = running_calls,
//                                .stalls = stalls, ...});
//          WatchStalls(scheduler, {}, [&](const StallReport& report) {
//            reports.Report(report);
//          });
//
// At most kStacksPerSecond stacks are taken in any second, of all workers
// together; a stall without a stack says why. A stack is shown only if the
// worker ran the same thing before and after it was taken.
#ifndef PINION_SERVER_HOSTING_STALL_REPORTS_H_
#define PINION_SERVER_HOSTING_STALL_REPORTS_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/core/clock.h"
#include "pinion/core/stacks/thread_stacks.h"
#include "pinion/core/stall_watch.h"
#include "pinion/server/lane/running_calls.h"
#include "pinion/server/log.h"
#include "pinion/server/observe/stalls.h"

namespace pinion {

class StallReports {
 public:
  using Stack = absl::StatusOr<std::vector<std::string>>;

  // A stack costs its worker 30 to 80 microseconds, and the watch up to 200 ms
  // if the worker does not answer.
  static constexpr size_t kStacksPerSecond = 2;

  struct Parts {
    LogSink log;
    RunningCalls& running;
    Stalls& stalls;
    Clock clock;
    // How many calls wait for a worker.
    std::function<int64_t(int worker)> waiting;
    // For tests.
    std::function<Stack(pid_t thread)> take_stack = [](pid_t thread) {
      return ThreadStacks::Take(thread);
    };
    std::function<absl::Time()> now = [] { return absl::Now(); };
  };

  // `stacks`: whether stacks are taken.
  StallReports(Parts parts, bool stacks)
      : parts_(std::move(parts)), stacks_(stacks) {}
  StallReports(const StallReports&) = delete;
  StallReports& operator=(const StallReports&) = delete;

  void Report(const StallReport& report);
  void SetState(int worker, bool stalled) {
    if (!stalled) parts_.stalls.SetEnded(worker);
  }

  // From the next report on.
  void SetStacks(bool on) { stacks_.store(on, std::memory_order_relaxed); }

 private:
  // Takes the stack of what `report` is of. An error says why there is none.
  Stack TakeStack(const StallReport& report);
  // Whether one more stack is within the limit; counts it if so.
  bool MayTake();

  const Parts parts_;
  // Relaxed: the value is all there is.
  std::atomic<bool> stacks_;

  // The watch's thread's only.
  std::deque<Moment> taken_;  // In the last second, the oldest first.
  uint64_t left_out_ = 0;     // Stacks, because of the limit.
};

}  // namespace pinion

#endif  // PINION_SERVER_HOSTING_STALL_REPORTS_H_
