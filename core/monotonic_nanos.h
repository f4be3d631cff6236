// SPDX-License-Identifier: Apache-2.0
//
// MonotonicNanos: the machine's clock for measuring spans; it never jumps.
//
// Threads: any thread.
// Example: const int64_t begun = MonotonicNanos(); ... MonotonicNanos() - begun
#ifndef PINION_CORE_MONOTONIC_NANOS_H_
#define PINION_CORE_MONOTONIC_NANOS_H_

#include <chrono>
#include <cstdint>

namespace pinion {

// Nanoseconds since an unspecified moment before the program started.
inline int64_t MonotonicNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace pinion

#endif  // PINION_CORE_MONOTONIC_NANOS_H_
