// SPDX-License-Identifier: Apache-2.0
//
// Clock: where a scheduler has its time from: the machine, or a test.
//
// Threads: anyone may ask.
// Example: const Moment end = clock.Now() + std::chrono::milliseconds(5);
//          if (clock.Now() >= end) ...
#ifndef PINION_CORE_CLOCK_H_
#define PINION_CORE_CLOCK_H_

#include <atomic>
#include <chrono>
#include <compare>
#include <cstdint>

#include "core/cycle_clock.h"
#include "core/monotonic_nanos.h"

namespace pinion {

// A point in time, in nanoseconds of a clock that never jumps back and wraps
// after 584 years. Two moments are told apart, and which is the later, if less
// than 292 years lie between them; whether the clock wraps in between is of no
// concern.
class Moment {
 public:
  constexpr Moment() = default;
  constexpr explicit Moment(uint64_t nanos) : nanos_(nanos) {}

  // Modulo 2^64, since some moment of no meaning.
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
  // The machine's.
  Clock() = default;

  // The time, exactly. Costs some 25 ns.
  Moment Now() const {
    return Moment(test_nanos_ == nullptr
                      ? static_cast<uint64_t>(MonotonicNanos())
                      : test_nanos_->load(std::memory_order_relaxed));
  }

  // A counter for spans measured very often, some 10 ns. It wraps; only the
  // difference of two readings means anything.
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

  const std::atomic<uint64_t>* test_nanos_ = nullptr;  // Null: the machine's.
};

}  // namespace pinion

#endif  // PINION_CORE_CLOCK_H_
