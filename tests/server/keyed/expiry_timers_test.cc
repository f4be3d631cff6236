// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/keyed/expiry_timers.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/clock.h"
#include "pinion/core/timer_queue.h"

namespace pinion::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Moment At(uint64_t nanos) { return Moment(nanos); }

class ExpiryTimersTest : public ::testing::Test {
 protected:
  void Listen() {
    timers_.OnTimer([this](Moment at) { told_.push_back(at); });
  }
  std::optional<Moment> Run(Moment now, size_t most = 1000) {
    return timers_.RunTimers(
        now, most, [this](Timer& timer) { expired_.push_back(&timer); });
  }

  ExpiryTimers timers_;
  Timer a_, b_, c_;
  std::vector<Moment> told_;
  std::vector<Timer*> expired_;
};

TEST_F(ExpiryTimersTest, ExpireInTheOrderOfTheirTimesAndNoneTooEarly) {
  timers_.Arm(a_, At(30));
  timers_.Arm(b_, At(10));
  timers_.Arm(c_, At(20));
  EXPECT_EQ(timers_.NextTimer(), At(10));
  EXPECT_EQ(Run(At(9)), At(10));
  EXPECT_THAT(expired_, IsEmpty());
  EXPECT_EQ(Run(At(20)), At(30));
  EXPECT_THAT(expired_, ElementsAre(&b_, &c_));
  EXPECT_EQ(Run(At(30)), std::nullopt);
  EXPECT_THAT(expired_, ElementsAre(&b_, &c_, &a_));
}

TEST_F(ExpiryTimersTest, OneRunExpiresNoMoreThanItMay) {
  for (Timer* timer : {&a_, &b_, &c_}) timers_.Arm(*timer, At(10));
  EXPECT_EQ(Run(At(10), /*most=*/2), At(10));
  EXPECT_EQ(expired_.size(), 2u);
  EXPECT_EQ(Run(At(10), /*most=*/0), At(10));
  EXPECT_EQ(expired_.size(), 2u);
  EXPECT_EQ(Run(At(10), /*most=*/1), std::nullopt);
  EXPECT_EQ(expired_.size(), 3u);
}

TEST_F(ExpiryTimersTest, OnlyAnEarlierTimeIsSaid) {
  Listen();
  EXPECT_THAT(told_, IsEmpty()) << "nothing is armed";
  timers_.Arm(a_, At(20));
  timers_.Arm(b_, At(20));
  timers_.Arm(c_, At(30));
  EXPECT_THAT(told_, ElementsAre(At(20)));
  timers_.Arm(c_, At(10));
  EXPECT_THAT(told_, ElementsAre(At(20), At(10)));
}

TEST_F(ExpiryTimersTest, WhatARunReturnsCountsAsSaid) {
  Listen();
  timers_.Arm(a_, At(10));
  timers_.Arm(b_, At(30));
  EXPECT_EQ(Run(At(10)), At(30));
  timers_.Arm(a_, At(40));
  EXPECT_THAT(told_, ElementsAre(At(10)));
  timers_.Arm(a_, At(20));
  EXPECT_THAT(told_, ElementsAre(At(10), At(20)));
  EXPECT_EQ(Run(At(30)), std::nullopt);
  timers_.Arm(a_, At(99));  // After nothing was left to wait for.
  EXPECT_THAT(told_, ElementsAre(At(10), At(20), At(99)));
  timers_.Disarm(a_);
}

TEST_F(ExpiryTimersTest, AListenerThatComesLaterIsToldTheNextTime) {
  timers_.Arm(a_, At(10));
  Listen();
  EXPECT_THAT(told_, ElementsAre(At(10)));
  timers_.OnTimer(nullptr);
  timers_.Arm(a_, At(5));
  EXPECT_THAT(told_, ElementsAre(At(10)));
  timers_.Disarm(a_);
}

TEST_F(ExpiryTimersTest, WhatIsDisarmedOrArmedLaterDoesNotExpire) {
  timers_.Arm(a_, At(10));
  timers_.Arm(b_, At(10));
  timers_.Disarm(a_);
  timers_.Disarm(a_);
  timers_.Arm(b_, At(20));
  EXPECT_EQ(Run(At(10)), At(20));
  EXPECT_THAT(expired_, IsEmpty());
  EXPECT_EQ(timers_.PopDue(At(19)), nullptr);
  EXPECT_EQ(timers_.PopDue(At(20)), &b_);
}

TEST_F(ExpiryTimersTest, ATimerThatMovedExpiresAtItsNewPlace) {
  timers_.Arm(a_, At(10));
  b_ = a_;
  timers_.Moved(b_);
  EXPECT_EQ(timers_.PopDue(At(10)), &b_);
}

TEST_F(ExpiryTimersTest, CountsWhatHasExpired) {
  EXPECT_EQ(timers_.expired(), 0u);
  timers_.CountExpired();
  EXPECT_EQ(timers_.expired(), 1u);
}

}  // namespace
}  // namespace pinion::internal
