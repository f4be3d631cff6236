// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/largest_answer.h"

#include <chrono>

#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"

namespace pinion {
namespace {

using std::chrono::seconds;

class LargestAnswerTest : public ::testing::Test {
 protected:
  void Learn(int64_t bytes) { largest_.Learn(bytes, time_.clock().Now()); }

  // Starts a second before its clock wraps.
  FakeClock time_;
  LargestAnswer largest_{/*largest_possible=*/6400};
};

TEST_F(LargestAnswerTest, ExpectsAPartOfTheLargestUntilAnAnswerIsKnown) {
  EXPECT_EQ(largest_.expected(), 100);
  EXPECT_EQ(largest_.expected_of_each(), 6400);
  Learn(7);
  EXPECT_EQ(largest_.expected(), 7);
  EXPECT_EQ(largest_.expected_of_each(), 7);
}

TEST_F(LargestAnswerTest, ExpectsTheLargestAmongManySmallOnes) {
  Learn(10);
  Learn(5000);
  for (int i = 0; i < 1000; ++i) Learn(10);
  EXPECT_EQ(largest_.expected(), 5000);
}

TEST_F(LargestAnswerTest, ForgetsALargeOneAfterAWhileOfSmallOnes) {
  Learn(5000);
  time_.Advance(seconds(11));
  Learn(10);
  EXPECT_EQ(largest_.expected(), 5000) << "it was large a moment ago";
  time_.Advance(seconds(11));
  Learn(10);
  EXPECT_EQ(largest_.expected(), 10);
}

TEST_F(LargestAnswerTest, RemembersThroughAPause) {
  Learn(5000);
  time_.Advance(seconds(3600));
  EXPECT_EQ(largest_.expected(), 5000);
  Learn(10);
  EXPECT_EQ(largest_.expected(), 10);
}

}  // namespace
}  // namespace pinion
