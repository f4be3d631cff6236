// SPDX-License-Identifier: Apache-2.0
//
// LaneSpeed: the recent time of a lane for one call, as far as it is known.
//
// Threads: the lane's worker learns. Any thread may say that work comes, and
//          ask.
// Known:   from the fourth call on. The first calls may be slow because nothing
//          is warm yet (a cold cache, a first connection), so the fastest of
//          them counts.
// Age:     the longer the lane has nothing to do, the less the number means. It
//          is halved for each 100 ms without work, and forgotten after a
//          second.
// Example: if (LaneIsIdle()) speed.Resume(now);            // A call comes.
//          speed.Learn(call.accepted, claimed, ended);     // After each call.
//          const auto wait = calls_before * speed.per_call();
//
// While calls wait, the time from one call's end to the next one's counts. So
// it includes whatever else the worker does in between, for other lanes or
// while another thread has its CPU.
#ifndef PINION_SERVER_LANE_LANE_SPEED_H_
#define PINION_SERVER_LANE_LANE_SPEED_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "pinion/core/clock.h"
#include "pinion/core/tally.h"

namespace pinion {

class LaneSpeed {
 public:
  // A call comes while none waits or runs in the lane.
  void Resume(Moment now) {
    resumed_.store(now.nanos(), std::memory_order_relaxed);
  }

  // One of `calls` calls that were handled together.
  void Learn(Moment accepted, Moment claimed, Moment ended, size_t calls = 1) {
    const int64_t known = per_call().count();
    const Moment last_end(last_end_.value());
    const bool waited = known != 0 && accepted < last_end;
    const int64_t took = (ended - (waited ? last_end : claimed)).count() /
                         static_cast<int64_t>(calls);
    last_end_.Set(ended.nanos());
    if (known == 0) return LearnAnew(took);
    // A single extreme call says little about the next one.
    Set(known + (std::min(took, known * kMaxTimes) - known) / kWeight);
  }

  // 0: unknown.
  std::chrono::nanoseconds per_call() const {
    const auto known = static_cast<int64_t>(per_call_ns_.value());
    const std::chrono::nanoseconds idle =
        Moment(resumed_.load(std::memory_order_relaxed)) -
        Moment(last_end_.value());
    const int64_t halvings = std::max<int64_t>(idle / kHalved, 0);
    return std::chrono::nanoseconds(
        halvings >= kMaxHalvings ? 0 : known >> halvings);
  }

 private:
  // A moving average over about 16 calls: quick enough to follow a change, slow
  // enough that alternating short and long calls give their mean.
  static constexpr int64_t kWeight = 16;
  static constexpr int64_t kMaxTimes = 8;

  static constexpr int kFirstCalls = 4;

  // Pauses of a lane that is in constant use are shorter, and change nothing.
  static constexpr std::chrono::milliseconds kHalved{100};
  static constexpr int64_t kMaxHalvings = 10;  // In one second.

  void LearnAnew(int64_t took) {
    if (per_call_ns_.value() != 0) {  // It is forgotten.
      per_call_ns_.Set(0);
      first_calls_ = 0;
    }
    quickest_ns_ = first_calls_ == 0 ? took : std::min(quickest_ns_, took);
    if (++first_calls_ == kFirstCalls) Set(quickest_ns_);
  }

  void Set(int64_t nanos) {
    per_call_ns_.Set(static_cast<uint64_t>(std::max<int64_t>(nanos, 1)));
  }

  // Shared. Relaxed, because it serves an estimate.
  std::atomic<uint64_t> resumed_{0};
  // Only the worker writes it.
  Tally per_call_ns_;
  Tally last_end_;
  // The worker's only: the number of calls since the time was unknown.
  int first_calls_ = 0;
  int64_t quickest_ns_ = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_LANE_SPEED_H_
