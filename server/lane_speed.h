// SPDX-License-Identifier: Apache-2.0
//
// LaneSpeed: how long a lane has lately taken for one call.
//
// Threads: the lane's worker learns; anyone asks.
// Example: speed.Learn(call.accepted, claimed, ended);     // after each call
//          const auto wait = calls_before * speed.per_call();
//
// What counts is the time from one call's end to the next one's, as long as
// calls wait: so it holds whatever else the worker does in between, for other
// lanes, or because its CPU is taken from it.
#ifndef PINION_SERVER_LANE_SPEED_H_
#define PINION_SERVER_LANE_SPEED_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "core/clock.h"
#include "core/tally.h"

namespace pinion {

class LaneSpeed {
 public:
  // Of `calls` that were handled together, one of them.
  void Learn(Moment accepted, Moment claimed, Moment ended, size_t calls = 1) {
    const auto known = static_cast<int64_t>(per_call_ns_.value());
    const bool waited = known != 0 && accepted < last_end_;
    const int64_t took = (ended - (waited ? last_end_ : claimed)).count() /
                         static_cast<int64_t>(calls);
    last_end_ = ended;
    if (known == 0) return Set(took);
    // One call that is far off says little of the next.
    Set(known + (std::min(took, known * kMostTimes) - known) / kWeight);
  }

  // 0 before the first call has ended.
  std::chrono::nanoseconds per_call() const {
    return std::chrono::nanoseconds(per_call_ns_.value());
  }

 private:
  // A moving average over some 16 calls: quick to follow a change, slow enough
  // that short and long calls in turn give their mean.
  static constexpr int64_t kWeight = 16;
  static constexpr int64_t kMostTimes = 8;

  void Set(int64_t nanos) {
    per_call_ns_.Set(static_cast<uint64_t>(std::max<int64_t>(nanos, 1)));
  }

  // The worker's alone.
  Moment last_end_;
  // The worker's to write.
  Tally per_call_ns_;
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_SPEED_H_
