// SPDX-License-Identifier: Apache-2.0
//
// WakeTimes: how late a worker was after a sleep: woken, but not running yet.
//
// Threads: plain data.
// Example: WakeTimes wake = Worker::Current()->last_wake();
//          const uint64_t late = wake.LateFor(item->queued_at);
#ifndef PINION_CORE_WAKE_TIMES_H_
#define PINION_CORE_WAKE_TIMES_H_

#include <algorithm>
#include <cstdint>

namespace pinion {

// Both are Clock::Ticks().
struct WakeTimes {
  // When another thread started to end the sleep, and when the worker's thread
  // ran again. Between the two lie the system call of the one, and the kernel's
  // delay in giving the other a CPU.
  uint64_t asked = 0;
  uint64_t awake = 0;

  // The times of a wait from `begun` to `awake`. `asked` is clamped to this
  // span: the waking thread may have read the clock before the worker was idle,
  // or when a timer had just ended its sleep.
  static WakeTimes Within(uint64_t begun, uint64_t asked, uint64_t awake) {
    const WakeTimes wait = {.asked = begun, .awake = awake};
    return {.asked = awake - wait.LateFor(asked), .awake = awake};
  }

  // How many ticks of that delay an item waited that came at `queued`; none if
  // it came later.
  uint64_t LateFor(uint64_t queued) const {
    const auto late = static_cast<int64_t>(awake - asked);
    const auto since_queued = static_cast<int64_t>(awake - queued);
    return std::max<int64_t>(std::min(late, since_queued), 0);
  }
};

}  // namespace pinion

#endif  // PINION_CORE_WAKE_TIMES_H_
