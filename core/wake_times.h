// SPDX-License-Identifier: Apache-2.0
//
// WakeTimes: how late a worker was after a sleep: asked for, but not running.
//
// Threads: a plain value.
// Example: WakeTimes wake = Worker::Current()->last_wake();
//          const uint64_t late = wake.LateFor(item->queued_at);
#ifndef PINION_CORE_WAKE_TIMES_H_
#define PINION_CORE_WAKE_TIMES_H_

#include <algorithm>
#include <cstdint>

namespace pinion {

// Both as Clock::Ticks() tells it.
struct WakeTimes {
  // When another thread was about to end the sleep, and when the worker's
  // thread ran again. Between them lie the system call of the one, and what the
  // kernel took to give the other a CPU.
  uint64_t asked = 0;
  uint64_t awake = 0;

  // Those of a wait from `begun` to `awake`. `asked` is kept between the two:
  // who wakes may have read the clock before the worker was idle, or when a
  // timer had just ended its sleep.
  static WakeTimes Within(uint64_t begun, uint64_t asked, uint64_t awake) {
    const WakeTimes wait = {.asked = begun, .awake = awake};
    return {.asked = awake - wait.LateFor(asked), .awake = awake};
  }

  // How much of that was waited by what came at `queued`, in ticks: none if it
  // came later.
  uint64_t LateFor(uint64_t queued) const {
    const auto late = static_cast<int64_t>(awake - asked);
    const auto since_queued = static_cast<int64_t>(awake - queued);
    return std::max<int64_t>(std::min(late, since_queued), 0);
  }
};

}  // namespace pinion

#endif  // PINION_CORE_WAKE_TIMES_H_
