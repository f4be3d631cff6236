// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/cycle_clock.h"

#include "pinion/core/monotonic_nanos.h"

namespace pinion {
namespace {

struct Moment {
  uint64_t ticks;
  int64_t nanos;
};

// Both clocks at one moment: of several tries the one that took the shortest,
// so that an interruption between the two readings does not count.
Moment Look() {
  Moment best = {};
  uint64_t shortest = UINT64_MAX;
  for (int i = 0; i < 10; ++i) {
    const uint64_t before = CycleClock::Now();
    const int64_t nanos = MonotonicNanos();
    const uint64_t took = CycleClock::Now() - before;
    if (took < shortest) {
      shortest = took;
      best = {.ticks = before + took / 2, .nanos = nanos};
    }
  }
  return best;
}

double Measure() {
  // Long against the few nanoseconds by which a look may be off.
  constexpr int64_t kSpanNanos = 2'000'000;
  const Moment begin = Look();
  while (MonotonicNanos() - begin.nanos < kSpanNanos) {
  }
  const Moment end = Look();
  return static_cast<double>(end.nanos - begin.nanos) /
         static_cast<double>(end.ticks - begin.ticks);
}

}  // namespace

double CycleClock::NanosPerTick() {
  static const double nanos_per_tick = Measure();
  return nanos_per_tick;
}

}  // namespace pinion
