// SPDX-License-Identifier: Apache-2.0
//
// FakeClock: a clock for tests, which stands until it is told to go on.
//
// Threads: anyone may Advance() and ask.
// Example: FakeClock time;
//          auto scheduler = Scheduler::Manual({.workers = 2}, time.clock());
//          time.Advance(std::chrono::milliseconds(5));
#ifndef PINION_CORE_FAKE_CLOCK_H_
#define PINION_CORE_FAKE_CLOCK_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "core/clock.h"

namespace pinion {

class FakeClock {
 public:
  // Begins one second before the clock wraps, so that a test which lets more
  // time pass has looked at that as well.
  FakeClock() : FakeClock(Moment(uint64_t{0} - 1'000'000'000)) {}
  explicit FakeClock(Moment start) : nanos_(start.nanos()) {}
  FakeClock(const FakeClock&) = delete;
  FakeClock& operator=(const FakeClock&) = delete;

  // What to give to those who need the time; this one must outlive them.
  Clock clock() const { return Clock(&nanos_); }

  Moment Now() const { return clock().Now(); }

  // Lets `span`, 0 or more, pass.
  void Advance(std::chrono::nanoseconds span) {
    nanos_.fetch_add(static_cast<uint64_t>(span.count()),
                     std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t> nanos_;
};

}  // namespace pinion

#endif  // PINION_CORE_FAKE_CLOCK_H_
