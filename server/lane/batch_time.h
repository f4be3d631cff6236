// SPDX-License-Identifier: Apache-2.0
//
// BatchTime: the time, read from the CPU's counter, for a thread that asks
//            several times within some microseconds.
//
// Threads: one.
// Exact:   to some nanoseconds. The clock itself is read once for each 100 us,
//          and the counter is exact to a thousandth.
// Example: BatchTime time(clock);
//          if (deadline <= time.Now()) Expire();
#ifndef PINION_SERVER_LANE_BATCH_TIME_H_
#define PINION_SERVER_LANE_BATCH_TIME_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "absl/base/optimization.h"
#include "pinion/core/clock.h"

namespace pinion {

class BatchTime {
 public:
  explicit BatchTime(const Clock& clock)
      : clock_(clock),
        most_ticks_(clock.TicksOf(std::chrono::microseconds(100))),
        read_ticks_(clock.Ticks()),
        read_(clock.Now()),
        now_(read_) {}

  // Never earlier than before.
  Moment Now() {
    const uint64_t ticks = clock_.Ticks() - read_ticks_;
    if (ABSL_PREDICT_FALSE(ticks > most_ticks_)) {
      ReadClock();
    } else {
      now_ = read_ + std::chrono::nanoseconds(clock_.TicksToNanos(ticks));
    }
    return now_;
  }
  // What Now() returned last.
  Moment last() const { return now_; }

 private:
  // The counter first: what comes between the two makes the time later, not
  // earlier, so that no deadline is missed.
  void ReadClock() {
    read_ticks_ = clock_.Ticks();
    // The counter may have run ahead by its error.
    now_ = read_ = std::max(clock_.Now(), now_);
  }

  const Clock& clock_;
  const uint64_t most_ticks_;
  uint64_t read_ticks_;  // When the clock was read last,
  Moment read_;          // and what it said.
  Moment now_;           // What was returned last.
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_BATCH_TIME_H_
