// SPDX-License-Identifier: Apache-2.0
#include "server/lane_speed.h"

#include <chrono>

#include "core/clock.h"
#include "core/fake_clock.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

// A lane whose calls come and are run as the test says, across a wrap of the
// clock.
class LaneSpeedTest : public ::testing::Test {
 protected:
  // A call that finds nothing before it, and takes `span`.
  void RunOne(nanoseconds span) {
    const Moment now = time_.Now();
    time_.Advance(span);
    speed_.Learn(/*accepted=*/now, /*claimed=*/now, time_.Now());
  }

  // One of those that came all at once, at `accepted`; its worker does
  // something else for `pause` before it.
  void RunWaiting(Moment accepted, nanoseconds pause, nanoseconds span) {
    time_.Advance(pause);
    const Moment claimed = time_.Now();
    time_.Advance(span);
    speed_.Learn(accepted, claimed, time_.Now());
  }

  FakeClock time_;
  LaneSpeed speed_;
};

TEST_F(LaneSpeedTest, IsUnknownUntilTheFirstCallHasEnded) {
  EXPECT_EQ(speed_.per_call(), nanoseconds(0));
  RunOne(microseconds(5));
  EXPECT_EQ(speed_.per_call(), microseconds(5));
}

TEST_F(LaneSpeedTest, IsKnownEvenOfCallsThatTakeNoTime) {
  RunOne(nanoseconds(0));
  EXPECT_EQ(speed_.per_call(), nanoseconds(1));
}

TEST_F(LaneSpeedTest, FollowsAChangeWithinSomeTensOfCalls) {
  RunOne(microseconds(100));
  for (int i = 0; i < 100; ++i) RunOne(microseconds(10));
  EXPECT_LT(speed_.per_call(), microseconds(11));
  for (int i = 0; i < 100; ++i) RunOne(microseconds(100));
  EXPECT_GT(speed_.per_call(), microseconds(99));
}

TEST_F(LaneSpeedTest, IsTheMeanOfShortAndLongCallsInTurn) {
  for (int i = 0; i < 1000; ++i) RunOne(microseconds(i % 2 == 0 ? 50 : 150));
  EXPECT_GT(speed_.per_call(), microseconds(95));
  EXPECT_LT(speed_.per_call(), microseconds(105));
}

TEST_F(LaneSpeedTest, OneCallThatIsFarOffChangesItByHalfAtMost) {
  RunOne(microseconds(10));
  RunOne(std::chrono::seconds(10));
  EXPECT_GT(speed_.per_call(), microseconds(10));
  EXPECT_LE(speed_.per_call(), microseconds(15));
}

TEST_F(LaneSpeedTest, WhileCallsWaitAllThatTheirWorkerDoesCounts) {
  RunOne(microseconds(10));
  const Moment accepted = time_.Now() + nanoseconds(-1);  // Before its end.
  for (int i = 0; i < 200; ++i) {
    RunWaiting(accepted, microseconds(30), microseconds(10));
  }
  EXPECT_GT(speed_.per_call(), microseconds(39));
  EXPECT_LE(speed_.per_call(), microseconds(40));
}

TEST_F(LaneSpeedTest, ThatNothingCameForLongDoesNotCount) {
  for (int i = 0; i < 100; ++i) {
    RunOne(microseconds(10));
    time_.Advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(speed_.per_call(), microseconds(10));
}

}  // namespace
}  // namespace pinion
