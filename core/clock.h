// SPDX-License-Identifier: Apache-2.0
//
// Clock: where a scheduler gets its time from: the machine or a test.
//
// Threads: any thread.
// Example: const Moment end = clock.Now() + std::chrono::milliseconds(5);
//          if (clock.Now() >= end) ...
#ifndef PINION_CORE_CLOCK_H_
#define PINION_CORE_CLOCK_H_

#include <atomic>
#include <chrono>
#include <compare>
#include <cstdint>

#include "pinion/core/cycle_clock.h"
#include "pinion/core/monotonic_nanos.h"
#include "pinion/third_party/cpp20.h"

namespace pinion {

// A point in time, in nanoseconds of a clock that never goes back and wraps
// after 584 years. Two moments can be compared if less than 292 years lie
// between them, whether the clock wraps in between or not.
class Moment {
 public:
  constexpr Moment() = default;
  constexpr explicit Moment(uint64_t nanos) : nanos_(nanos) {}

  // Modulo 2^64, since an unspecified moment.
  constexpr uint64_t nanos() const { return nanos_; }

  friend constexpr Moment operator+(Moment moment,
                                    std::chrono::nanoseconds span) {
    return Moment(moment.nanos_ + static_cast<uint64_t>(span.count()));
  }
  friend constexpr std::chrono::nanoseconds operator-(Moment later,
                                                      Moment earlier) {
    return std::chrono::nanoseconds(
        static_cast<int64_t>(later.nanos_ - earlier.nanos_));
  }
  friend constexpr bool operator==(Moment a, Moment b) = default;
  friend constexpr std::strong_ordering operator<=>(Moment a, Moment b) {
    return (a - b).count() <=> 0;
  }

 private:
  uint64_t nanos_ = 0;
};

class Clock {
 public:
  // The machine's clock.
  Clock() = default;

  // The exact time. Costs about 25 ns.
  Moment Now() const {
    return Moment(test_nanos_ == nullptr
                      ? static_cast<uint64_t>(MonotonicNanos())
                      : test_nanos_->load(std::memory_order_relaxed));
  }

  // A counter for very frequent measurements; costs about 10 ns. It wraps, so
  // only the difference of two readings means anything.
  uint64_t Ticks() const {
    return test_nanos_ == nullptr
               ? CycleClock::Now()
               : test_nanos_->load(std::memory_order_relaxed);
  }
  uint64_t TicksToNanos(uint64_t ticks) const {
    return test_nanos_ == nullptr ? CycleClock::ToNanos(ticks) : ticks;
  }
  uint64_t TicksOf(std::chrono::nanoseconds span) const {
    const auto nanos = static_cast<uint64_t>(span.count());
    return test_nanos_ == nullptr ? CycleClock::FromNanos(nanos) : nanos;
  }

 private:
  friend class FakeClock;
  explicit Clock(const std::atomic<uint64_t>* test_nanos)
      : test_nanos_(test_nanos) {}

  // Null: the machine's clock.
  const std::atomic<uint64_t>* test_nanos_ = nullptr;
};

}  // namespace pinion

#endif  // PINION_CORE_CLOCK_H_
