// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/stop_lines.h"

#include <chrono>

#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"

namespace pinion {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class StopLinesTest : public ::testing::Test {
 protected:
  // How many lines are due within `span`, if it looks each 100 ms.
  int LinesWithin(seconds span) {
    int due = 0;
    for (milliseconds at(0); at < span; at += milliseconds(100)) {
      time_.Advance(milliseconds(100));
      due += lines_.Due(time_.Now());
    }
    return due;
  }

  FakeClock time_;
  StopLines lines_{time_.Now()};
};

TEST_F(StopLinesTest, AWaitUnderASecondHasNone) {
  EXPECT_FALSE(lines_.Due(time_.Now()));
  time_.Advance(milliseconds(999));
  EXPECT_FALSE(lines_.Due(time_.Now()));
  time_.Advance(milliseconds(1));
  EXPECT_TRUE(lines_.Due(time_.Now()));
  EXPECT_FALSE(lines_.Due(time_.Now()));
}

TEST_F(StopLinesTest, TheyComeEachSecondAndAfterTenSecondsEachTen) {
  EXPECT_EQ(LinesWithin(seconds(10)), 10);
  EXPECT_EQ(LinesWithin(seconds(50)), 5);
  EXPECT_EQ(LinesWithin(seconds(3600)), 360);
}

TEST_F(StopLinesTest, TheNextOneLiesAhead) {
  EXPECT_EQ(lines_.next() - time_.Now(), seconds(1));
  time_.Advance(seconds(1));
  EXPECT_TRUE(lines_.Due(time_.Now()));
  EXPECT_EQ(lines_.next() - time_.Now(), seconds(1));
}

TEST_F(StopLinesTest, ALateLookHasOneLineAndNotAllThatItMissed) {
  time_.Advance(milliseconds(7500));
  EXPECT_TRUE(lines_.Due(time_.Now()));
  EXPECT_EQ(lines_.next() - time_.Now(), milliseconds(500));
}

}  // namespace
}  // namespace pinion
