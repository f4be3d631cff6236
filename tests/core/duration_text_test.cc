// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/base/duration_text.h"

#include <cstdint>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

TEST(DurationTextTest, HasAFewDigitsAndAUnit) {
  EXPECT_EQ(DurationText(absl::Nanoseconds(7)), "7ns");
  EXPECT_EQ(DurationText(absl::Nanoseconds(35'700)), "35us");
  EXPECT_EQ(DurationText(absl::Microseconds(999)), "999us");
  EXPECT_EQ(DurationText(absl::Microseconds(12'345)), "12.3ms");
  EXPECT_EQ(DurationText(absl::Microseconds(1'200'999)), "1.2s");
  EXPECT_EQ(DurationText(absl::Seconds(90)), "1m30s");
  EXPECT_EQ(DurationText(absl::InfiniteDuration()), "inf");
}

TEST(DurationTextTest, OnlyNothingIsZeroAndThatHasAUnitToo) {
  EXPECT_EQ(DurationText(absl::ZeroDuration()), "0s");
  for (int64_t nanos = 1; nanos < 1'000'000'000'000; nanos *= 3) {
    EXPECT_NE(DurationText(absl::Nanoseconds(nanos))[0], '0') << nanos;
    EXPECT_EQ(DurationText(-absl::Nanoseconds(nanos)),
              "-" + DurationText(absl::Nanoseconds(nanos)));
  }
}

}  // namespace
}  // namespace pinion
