// SPDX-License-Identifier: Apache-2.0
//
// FakeClock: a clock for tests. It stands still until the test advances it.
//
// Threads: any thread may read or advance it.
// Example: FakeClock time;
//          auto scheduler = Scheduler::Manual({.workers = 2}, time.clock());
//          time.Advance(std::chrono::milliseconds(5));
#ifndef PINION_CORE_FAKE_CLOCK_H_
#define PINION_CORE_FAKE_CLOCK_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "pinion/core/clock.h"

namespace pinion {

class FakeClock {
 public:
  // Starts one second before the clock wraps, so that a test which advances it
  // further covers that, too.
  FakeClock() : FakeClock(Moment(uint64_t{0} - 1'000'000'000)) {}
  explicit FakeClock(Moment start) : nanos_(start.nanos()) {}
  FakeClock(const FakeClock&) = delete;
  FakeClock& operator=(const FakeClock&) = delete;

  // The clock to use in the code under test; this object must outlive it.
  Clock clock() const { return Clock(&nanos_); }

  Moment Now() const { return clock().Now(); }

  // Advances the clock by `span`, 0 or more.
  void Advance(std::chrono::nanoseconds span) {
    nanos_.fetch_add(static_cast<uint64_t>(span.count()),
                     std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t> nanos_;
};

}  // namespace pinion

#endif  // PINION_CORE_FAKE_CLOCK_H_
