// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/lane_speed.h"

#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/clock.h"
#include "pinion/core/fake_clock.h"

namespace pinion {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using ::testing::AllOf;
using ::testing::Gt;
using ::testing::Le;
using ::testing::Lt;

// A lane whose calls come and are run as the test says, across a wrap of the
// clock.
class LaneSpeedTest : public ::testing::Test {
 protected:
  // A call that finds nothing before it, and takes `span`.
  void RunOne(nanoseconds span) {
    const Moment now = time_.Now();
    speed_.Resume(now);
    time_.Advance(span);
    speed_.Learn(/*accepted=*/now, /*claimed=*/now, time_.Now());
  }
  // As many as make it known.
  void RunFirst(nanoseconds span) {
    for (int i = 0; i < 4; ++i) RunOne(span);
    EXPECT_EQ(speed_.per_call(), span);
  }

  // One of those that came all at once, at `accepted`; its worker does
  // something else for `pause` before it.
  void RunWaiting(Moment accepted, nanoseconds pause, nanoseconds span) {
    time_.Advance(pause);
    const Moment claimed = time_.Now();
    time_.Advance(span);
    speed_.Learn(accepted, claimed, time_.Now());
  }

  // What is known when a call comes after so long without any.
  nanoseconds KnownAfter(nanoseconds pause) {
    time_.Advance(pause);
    speed_.Resume(time_.Now());
    return speed_.per_call();
  }

  FakeClock time_;
  LaneSpeed speed_;
};

TEST_F(LaneSpeedTest, IsUnknownUntilTheFourthCallHasEnded) {
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(speed_.per_call(), nanoseconds(0));
    RunOne(microseconds(5));
  }
  EXPECT_EQ(speed_.per_call(), microseconds(5));
}

TEST_F(LaneSpeedTest, OfTheFirstCallsTheQuickestCounts) {
  for (const int took : {900'000, 20'000, 30, 40}) RunOne(microseconds(took));
  EXPECT_EQ(speed_.per_call(), microseconds(30));
}

TEST_F(LaneSpeedTest, IsKnownEvenOfCallsThatTakeNoTime) {
  for (int i = 0; i < 4; ++i) RunOne(nanoseconds(0));
  EXPECT_EQ(speed_.per_call(), nanoseconds(1));
}

TEST_F(LaneSpeedTest, FollowsAChangeWithinSomeTensOfCalls) {
  RunFirst(microseconds(100));
  for (int i = 0; i < 100; ++i) RunOne(microseconds(10));
  EXPECT_THAT(speed_.per_call(), Lt(microseconds(11)));
  for (int i = 0; i < 100; ++i) RunOne(microseconds(100));
  EXPECT_THAT(speed_.per_call(), Gt(microseconds(99)));
}

TEST_F(LaneSpeedTest, IsTheMeanOfShortAndLongCallsInTurn) {
  for (int i = 0; i < 1000; ++i) RunOne(microseconds(i % 2 == 0 ? 50 : 150));
  EXPECT_THAT(speed_.per_call(),
              AllOf(Gt(microseconds(95)), Lt(microseconds(105))));
}

TEST_F(LaneSpeedTest, OneCallThatIsFarOffChangesItByHalfAtMost) {
  RunFirst(microseconds(10));
  RunOne(std::chrono::seconds(10));
  EXPECT_THAT(speed_.per_call(),
              AllOf(Gt(microseconds(10)), Le(microseconds(15))));
}

TEST_F(LaneSpeedTest, WhileCallsWaitAllThatTheirWorkerDoesCounts) {
  RunFirst(microseconds(10));
  const Moment accepted = time_.Now() + nanoseconds(-1);  // Before its end.
  for (int i = 0; i < 200; ++i) {
    RunWaiting(accepted, microseconds(30), microseconds(10));
  }
  EXPECT_THAT(speed_.per_call(),
              AllOf(Gt(microseconds(39)), Le(microseconds(40))));
}

TEST_F(LaneSpeedTest, ShortPausesChangeNothing) {
  RunFirst(microseconds(10));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(KnownAfter(milliseconds(99)), microseconds(10));
    RunOne(microseconds(10));
  }
}

TEST_F(LaneSpeedTest, HalvesWithEach100MsInWhichNothingCame) {
  RunFirst(milliseconds(80));
  EXPECT_EQ(KnownAfter(milliseconds(100)), milliseconds(40));
  EXPECT_EQ(KnownAfter(milliseconds(250)), milliseconds(10));
  // And is learned on from there.
  RunOne(milliseconds(26));
  EXPECT_EQ(speed_.per_call(), milliseconds(11));
}

TEST_F(LaneSpeedTest, WhatWasLearnedIsForgottenAfterASecondHoweverMuchItWas) {
  RunFirst(std::chrono::hours(1));
  EXPECT_GT(KnownAfter(milliseconds(999)), nanoseconds(0));
  EXPECT_EQ(KnownAfter(milliseconds(1)), nanoseconds(0));
  // The first calls are no oracle then either.
  RunOne(milliseconds(900));
  EXPECT_EQ(speed_.per_call(), nanoseconds(0));
  for (int i = 0; i < 3; ++i) RunOne(microseconds(7));
  EXPECT_EQ(speed_.per_call(), microseconds(7));
}

TEST_F(LaneSpeedTest, DoesNotAgeWhileCallsWait) {
  RunFirst(milliseconds(10));
  const Moment accepted = time_.Now();
  speed_.Resume(accepted);
  time_.Advance(std::chrono::seconds(5));  // Its worker is held.
  EXPECT_EQ(speed_.per_call(), milliseconds(10));
}

}  // namespace
}  // namespace pinion
