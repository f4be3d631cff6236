// SPDX-License-Identifier: Apache-2.0
//
// StopWait: how long a stop waits for its workers to finish.
//
// Threads: the stopping thread only.
// Rule:    handlers and other user code have the grace period and `handlers`
//          more. A worker that runs none of it has only Pinion's background
//          work left, which ends as soon as its thread gets a CPU. It has as
//          much time as it needs, up to `workers`, so that a busy machine fails
//          no stop.
// Example: StopWait wait(clock.Now(), grace_ends);
//          while (!AllFinished()) {
//            wait.Look(clock.Now(), InHandlers());
//            if (wait.over().has_value()) return Tell(*wait.over());
//          }
#ifndef PINION_SERVER_HOSTING_STOP_WAIT_H_
#define PINION_SERVER_HOSTING_STOP_WAIT_H_

#include <algorithm>
#include <chrono>
#include <optional>

#include "pinion/core/clock.h"

namespace pinion {

class StopWait {
 public:
  // Counted from the end of the grace period.
  struct Limits {
    // A part of the stop's last second: running handlers end now or never.
    std::chrono::nanoseconds handlers = std::chrono::milliseconds(250);
    // A thread that gets no CPU for so long will not get one. An operator
    // should know, and a supervisor would not wait much longer.
    std::chrono::nanoseconds workers = std::chrono::seconds(30);
  };
  enum class Over {
    kHandlersRun,  // The handlers' time is over, and they run.
    kWorkersLate,  // None runs, and workers have not finished.
  };

  StopWait(Moment now, Moment grace_ends) : StopWait(now, grace_ends, {}) {}
  StopWait(Moment now, Moment grace_ends, const Limits& limits)
      : limits_(limits), counted_to_(std::max(now, grace_ends)) {}

  // Ends the grace period now, if it has not ended.
  void Hurry(Moment now) { counted_to_ = std::min(counted_to_, now); }

  // Workers have not finished at `now`. `in_handlers`: user code runs, or ran
  // since the last look.
  void Look(Moment now, bool in_handlers) {
    if (now <= counted_to_) return;
    (in_handlers ? handlers_ : workers_) += now - counted_to_;
    counted_to_ = now;
  }

  // Whether the stop waits no longer, and why.
  std::optional<Over> over() const {
    if (handlers_ >= limits_.handlers) return Over::kHandlersRun;
    if (workers_ >= limits_.workers) return Over::kWorkersLate;
    return std::nullopt;
  }

 private:
  const Limits limits_;
  Moment counted_to_;  // The end of the grace period, until it has passed.
  // The time since the grace period, by what it was spent on.
  std::chrono::nanoseconds handlers_{0};
  std::chrono::nanoseconds workers_{0};
};

}  // namespace pinion

#endif  // PINION_SERVER_HOSTING_STOP_WAIT_H_
