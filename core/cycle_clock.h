// SPDX-License-Identifier: Apache-2.0
//
// CycleClock: the CPU's own steady counter, for very frequent measurements.
//
// Threads: any thread; all CPUs of a machine count alike.
// Cost:    a few nanoseconds, against about 25 for the kernel's clock; so each
//          run of a task can be timed for less than 1 % of a microsecond.
// Example: const uint64_t begun = CycleClock::Now(); ...
//          const uint64_t nanos =
//              CycleClock::ToNanos(CycleClock::Now() - begun);
#ifndef PINION_CORE_CYCLE_CLOCK_H_
#define PINION_CORE_CYCLE_CLOCK_H_

#include <cstdint>

#include "pinion/core/base/ticks.h"

namespace pinion {

class CycleClock {
 public:
  // Ticks since an unspecified moment in the past.
  static uint64_t Now() { return Ticks::Now(); }

  // The length of a span, to within a thousandth. The first call in a process
  // takes 2 ms to measure the counter.
  static uint64_t ToNanos(uint64_t ticks) {
    return static_cast<uint64_t>(static_cast<double>(ticks) * NanosPerTick());
  }
  static uint64_t FromNanos(uint64_t nanos) {
    return static_cast<uint64_t>(static_cast<double>(nanos) / NanosPerTick());
  }

 private:
  static double NanosPerTick();
};

}  // namespace pinion

#endif  // PINION_CORE_CYCLE_CLOCK_H_
