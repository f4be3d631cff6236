// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/cycle_clock.h"

#include <cstdint>

#include "gtest/gtest.h"
#include "pinion/core/monotonic_nanos.h"

namespace pinion {
namespace {

// Each reading of the counter lies between two of the kernel's clock, so that
// it does not matter where the thread is interrupted.
TEST(CycleClockTest, MeasuresSpansAsTheKernelsClockDoes) {
  constexpr int64_t kSpanNanos = 20'000'000;
  CycleClock::ToNanos(0);  // Takes its 2 ms now.
  const int64_t before_begin = MonotonicNanos();
  const uint64_t begin = CycleClock::Now();
  const int64_t after_begin = MonotonicNanos();
  while (MonotonicNanos() - after_begin < kSpanNanos) {
  }
  const int64_t before_end = MonotonicNanos();
  const uint64_t end = CycleClock::Now();
  const int64_t after_end = MonotonicNanos();
  const auto measured = static_cast<double>(CycleClock::ToNanos(end - begin));
  EXPECT_GT(measured, static_cast<double>(before_end - after_begin) * 0.99);
  EXPECT_LT(measured, static_cast<double>(after_end - before_begin) * 1.01);
}

TEST(CycleClockTest, ConvertsBothWays) {
  EXPECT_NEAR(static_cast<double>(
                  CycleClock::ToNanos(CycleClock::FromNanos(1'000'000))),
              1e6, 10);
}

}  // namespace
}  // namespace pinion
