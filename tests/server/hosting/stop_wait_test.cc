// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/stop_wait.h"

#include <chrono>
#include <optional>

#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"

namespace pinion {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using Over = StopWait::Over;

class StopWaitTest : public ::testing::Test {
 protected:
  // Looks after each of the steps of which `span` is made.
  void LookFor(StopWait& wait, nanoseconds span, bool in_handlers) {
    for (nanoseconds at(0); at < span; at += kStep) {
      time_.Advance(kStep);
      wait.Look(time_.Now(), in_handlers);
    }
  }

  static constexpr milliseconds kStep{10};
  FakeClock time_;
};

TEST_F(StopWaitTest, AHandlerThatRunsHasTheWholeGraceAndALittleMore) {
  StopWait wait(time_.Now(), time_.Now() + hours(1));
  LookFor(wait, hours(1), /*in_handlers=*/true);
  EXPECT_EQ(wait.over(), std::nullopt);
  LookFor(wait, milliseconds(240), /*in_handlers=*/true);
  EXPECT_EQ(wait.over(), std::nullopt);
  LookFor(wait, milliseconds(10), /*in_handlers=*/true);
  EXPECT_EQ(wait.over(), Over::kHandlersRun);
}

TEST_F(StopWaitTest, AWorkerThatGetsNoCpuIsNoHandlerThatDoesNotReturn) {
  StopWait wait(time_.Now(), time_.Now());
  LookFor(wait, seconds(29), /*in_handlers=*/false);
  EXPECT_EQ(wait.over(), std::nullopt);
  LookFor(wait, milliseconds(240), /*in_handlers=*/true);
  EXPECT_EQ(wait.over(), std::nullopt);
  LookFor(wait, seconds(1), /*in_handlers=*/false);
  EXPECT_EQ(wait.over(), Over::kWorkersLate);
}

TEST_F(StopWaitTest, WorkersMayBeLateThroughTheGrace) {
  StopWait wait(time_.Now(), time_.Now() + hours(1));
  LookFor(wait, hours(1) + seconds(29), /*in_handlers=*/false);
  EXPECT_EQ(wait.over(), std::nullopt);
}

TEST_F(StopWaitTest, AHurryEndsTheGraceAtOnce) {
  StopWait wait(time_.Now(), time_.Now() + hours(1));
  LookFor(wait, seconds(10), /*in_handlers=*/true);
  wait.Hurry(time_.Now());
  LookFor(wait, milliseconds(240), /*in_handlers=*/true);
  EXPECT_EQ(wait.over(), std::nullopt);
  wait.Hurry(time_.Now());  // Not anew.
  LookFor(wait, milliseconds(10), /*in_handlers=*/true);
  EXPECT_EQ(wait.over(), Over::kHandlersRun);
}

TEST_F(StopWaitTest, AGraceThatWasOverLongAgoIsNotCounted) {
  const Moment long_ago = time_.Now();
  time_.Advance(hours(1));
  StopWait wait(time_.Now(), long_ago);
  LookFor(wait, milliseconds(240), /*in_handlers=*/true);
  EXPECT_EQ(wait.over(), std::nullopt);
}

}  // namespace
}  // namespace pinion
