// SPDX-License-Identifier: Apache-2.0
//
// Windows: time in parts of five minutes, by which what is kept of calls is
//          forgotten: the present window's and the one's before are kept.
//
// Threads: immutable; any thread.
// Example: const uint64_t window = windows.At(now);
//          if (entry.window + 1 >= window) Show(entry);
#ifndef PINION_SERVER_OBSERVE_WINDOWS_H_
#define PINION_SERVER_OBSERVE_WINDOWS_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "pinion/core/clock.h"

namespace pinion {

class Windows {
 public:
  // Long enough that a key with one call in a second is sampled some times, and
  // short enough that what was hot before lunch is not shown after it.
  static constexpr std::chrono::minutes kLength{5};
  // The oldest that is kept.
  static constexpr std::chrono::minutes kKept = 2 * kLength;

  explicit Windows(Moment start) : start_(start) {}

  // From 1 on, so that 0 is none.
  uint64_t At(Moment now) const {
    const int64_t since = std::max<int64_t>((now - start_).count(), 0);
    return 1 + static_cast<uint64_t>(since) / kNanos;
  }
  Moment BeginOf(uint64_t window) const {
    return start_ + std::chrono::nanoseconds((window - 1) * kNanos);
  }

 private:
  static constexpr uint64_t kNanos = std::chrono::nanoseconds(kLength).count();

  const Moment start_;
};

}  // namespace pinion

#endif  // PINION_SERVER_OBSERVE_WINDOWS_H_
