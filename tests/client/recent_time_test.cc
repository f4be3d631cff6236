// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/recent_time.h"

#include <chrono>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace pinion::client_internal {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

TEST(RecentTimeTest, ADeadlineIsEarlyBy20MicrosecondsAtMostAndNeverLate) {
  RecentTime time;
  for (int i = 0; i < 10'000; ++i) {
    // Others now and then.
    const int seconds = 1 + i / 1000 % 2;
    const auto timeout = std::chrono::seconds(seconds);
    const SteadyTime before = steady_clock::now();
    const SteadyTime deadline = time.After(absl::Seconds(seconds));
    const SteadyTime after = steady_clock::now();
    ASSERT_GE(deadline, before + timeout - microseconds(20));
    ASSERT_LE(deadline, after + timeout);
  }
}

TEST(RecentTimeTest, TimeGoesOn) {
  RecentTime time;
  const SteadyTime first = time.After(absl::Seconds(1));
  const SteadyTime until = steady_clock::now() + microseconds(100);
  while (steady_clock::now() < until) {
  }
  EXPECT_GT(time.After(absl::Seconds(1)), first + microseconds(50));
}

TEST(RecentTimeTest, HasNoDeadlineWithoutATimeout) {
  RecentTime time;
  EXPECT_EQ(time.After(absl::InfiniteDuration()), kNever);
  EXPECT_LT(time.After(absl::Hours(1)), kNever);
  EXPECT_EQ(time.After(absl::InfiniteDuration()), kNever);
}

TEST(RecentTimeTest, ATimeoutThatIsOverIsOverNow) {
  RecentTime time;
  for (const absl::Duration timeout :
       {absl::ZeroDuration(), absl::Seconds(-5), -absl::InfiniteDuration()}) {
    const SteadyTime before = steady_clock::now();
    const SteadyTime deadline = time.After(timeout);
    EXPECT_GE(deadline, before - microseconds(20));
    EXPECT_LE(deadline, steady_clock::now());
  }
}

}  // namespace
}  // namespace pinion::client_internal
