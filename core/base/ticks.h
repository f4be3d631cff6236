// SPDX-License-Identifier: Apache-2.0
//
// Ticks: the CPU's own steady counter, not converted to time: to tell in a few
//        nanoseconds whether a reading of the clock is still fresh.
//
// Threads: any thread; all CPUs of a machine count alike.
// Example: if (Ticks::Now() - read_at > Ticks::InMicros(10)) ReadTheClock();
//
// core/cycle_clock.h measures how long a tick takes, to convert spans.
#ifndef PINION_CORE_BASE_TICKS_H_
#define PINION_CORE_BASE_TICKS_H_

#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace pinion {

class Ticks {
 public:
  // Ticks since an unspecified moment in the past.
  static uint64_t Now() {
#if defined(__x86_64__)
    return __rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return static_cast<uint64_t>(
        std::chrono::steady_clock::now().time_since_epoch() /
        std::chrono::nanoseconds(1));
#endif
  }

  // So many ticks take at most `micros` microseconds, and not much less than a
  // fifth of it.
  static uint64_t InMicros(uint64_t micros) {
#if defined(__aarch64__)
    uint64_t in_a_second;
    asm volatile("mrs %0, cntfrq_el0" : "=r"(in_a_second));
    return in_a_second * micros / 1'000'000;
#else
    return 1000 * micros;  // On x86, one takes between 0.2 and 1 ns.
#endif
  }
};

}  // namespace pinion

#endif  // PINION_CORE_BASE_TICKS_H_
