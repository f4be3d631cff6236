// SPDX-License-Identifier: Apache-2.0
#include "core/cycle_clock.h"

#include <cstdint>

#include "core/monotonic_nanos.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

TEST(CycleClockTest, MeasuresSpansAsTheKernelsClockDoes) {
  constexpr int64_t kSpanNanos = 20'000'000;
  CycleClock::ToNanos(0);  // Takes its 2 ms now.
  const uint64_t ticks = CycleClock::Now();
  const int64_t begun = MonotonicNanos();
  int64_t took;
  do {
    took = MonotonicNanos() - begun;
  } while (took < kSpanNanos);
  const uint64_t measured = CycleClock::ToNanos(CycleClock::Now() - ticks);
  // What lies between two readings may be interrupted, so only below strictly.
  EXPECT_GT(measured, kSpanNanos * 0.99);
  EXPECT_LT(measured, took + kSpanNanos);
}

TEST(CycleClockTest, ConvertsBothWays) {
  EXPECT_NEAR(static_cast<double>(
                  CycleClock::ToNanos(CycleClock::FromNanos(1'000'000))),
              1e6, 10);
}

}  // namespace
}  // namespace pinion
