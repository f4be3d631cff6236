// SPDX-License-Identifier: Apache-2.0
//
// RecentTime: the clock, for many calls that start one after the other.
//
// Threads: one at a time.
// Why:     to read the kernel's clock and to add a timeout takes some 30 ns, a
//          tenth of what a call costs. The CPU's counter takes a third of that,
//          and says whether the last deadline will do. So one is early by some
//          microseconds at most, however long the callbacks between two calls
//          take.
// Example: RecentTime time;
//          call.deadline = time.After(timeout);
#ifndef PINION_CLIENT_INTERNAL_RECENT_TIME_H_
#define PINION_CLIENT_INTERNAL_RECENT_TIME_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "absl/time/time.h"
#include "pinion/client/internal/call_table.h"
#include "pinion/core/base/ticks.h"

namespace pinion::client_internal {

// The deadline of a call with that timeout that starts now.
inline SteadyTime DeadlineOf(absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return kNever;
  return After(
      std::chrono::steady_clock::now(),
      absl::ToChronoNanoseconds(std::max(timeout, absl::ZeroDuration())));
}

class RecentTime {
 public:
  // The deadline of a call with that timeout that starts now, or started up to
  // 20 microseconds ago.
  SteadyTime After(absl::Duration timeout) {
    // Mostly that of the call before.
    if (timeout == timeout_ &&
        (deadline_ == kNever || Ticks::Now() - read_at_ < fresh_)) {
      return deadline_;
    }
    read_at_ = Ticks::Now();
    timeout_ = timeout;
    deadline_ = DeadlineOf(timeout);
    return deadline_;
  }

 private:
  const uint64_t fresh_ = Ticks::InMicros(20);
  absl::Duration timeout_ = absl::InfiniteDuration();
  SteadyTime deadline_ = kNever;  // Of that timeout, from
  uint64_t read_at_ = 0;          // this time on.
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_RECENT_TIME_H_
