// SPDX-License-Identifier: Apache-2.0
//
// When a silent server is asked, and when it is taken for dead. Time is the
// test's.
#include "pinion/client/internal/silence.h"

#include <chrono>

#include "gtest/gtest.h"

namespace pinion::client_internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Action = Silence::Action;

constexpr Silence::Limits kLimits = {.ask_after = seconds(20),
                                     .give_up_after = seconds(5)};
constexpr SteadyTime kStart = SteadyTime(std::chrono::hours(100));
constexpr bool kHasCalls = true;
constexpr bool kHasNone = false;

// Whether it is given up if nothing more is heard, within a second of `now`.
bool IsGivenUpFrom(SteadyTime now, SteadyTime heard, Silence& silence) {
  EXPECT_EQ(silence.Look(now, heard, kHasCalls), Action::kNone);
  EXPECT_LE(silence.look_at(), now + seconds(1));
  return silence.Look(silence.look_at(), heard, kHasCalls) == Action::kGiveUp;
}

TEST(SilenceTest, GivesAServerUpThatSaysNothingWhileCallsExpire) {
  Silence silence(kLimits);
  silence.Watch(kStart);
  const SteadyTime expired = kStart + seconds(1);
  for (int i = 0; i < 4; ++i) silence.Owe(expired + seconds(i), kStart);
  EXPECT_EQ(silence.look_at(), expired + seconds(5));
  EXPECT_EQ(silence.Look(expired + milliseconds(4999), kStart, kHasCalls),
            Action::kNone);
  EXPECT_TRUE(IsGivenUpFrom(expired + seconds(5), kStart, silence));
}

TEST(SilenceTest, ReadsWhatHasComeBeforeItGivesUpAfterAPauseOfItsOwn) {
  Silence silence(kLimits);
  silence.Owe(kStart, kStart - seconds(1));
  // The process was stopped, and the answer has lain unread since then.
  const SteadyTime now = kStart + std::chrono::hours(1);
  EXPECT_EQ(silence.Look(now, kStart - seconds(1), kHasCalls), Action::kNone);
  EXPECT_GT(silence.look_at(), now);
  EXPECT_LE(silence.look_at(), now + seconds(1));
  EXPECT_EQ(silence.Look(silence.look_at(), now + milliseconds(1), kHasCalls),
            Action::kNone);
  EXPECT_EQ(silence.Look(now + seconds(19), now + milliseconds(1), kHasCalls),
            Action::kNone);
}

TEST(SilenceTest, StaysWithAServerThatIsSlowButAlive) {
  Silence silence(kLimits);
  silence.Watch(kStart);
  SteadyTime now = kStart;
  SteadyTime heard = kStart;
  // No call is answered in time, for an hour; that each has expired is said,
  // late.
  for (int i = 0; i < 3600; ++i) {
    now += seconds(1);
    silence.Owe(now, heard);
    heard = now + milliseconds(900);
    EXPECT_NE(silence.Look(now + milliseconds(950), heard, kHasCalls),
              Action::kGiveUp);
  }
}

TEST(SilenceTest, CountsADebtAnewThatCameAfterAWord) {
  Silence silence(kLimits);
  silence.Owe(kStart, kStart - seconds(1));
  const SteadyTime heard = kStart + milliseconds(1);
  const SteadyTime again = kStart + seconds(4);
  silence.Owe(again, heard);
  EXPECT_EQ(silence.Look(kStart + seconds(5), heard, kHasCalls), Action::kNone);
  EXPECT_TRUE(IsGivenUpFrom(again + seconds(5), heard, silence));
}

TEST(SilenceTest, AsksAServerThatIsSilentWhileCallsAreOpen) {
  Silence silence(kLimits);
  silence.Watch(kStart);
  EXPECT_EQ(silence.look_at(), kStart + seconds(20));
  SteadyTime now = kStart + seconds(20);
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(silence.Look(now, now - seconds(20), kHasCalls), Action::kAsk);
    const SteadyTime heard = now + seconds(1);
    ASSERT_EQ(silence.Look(now + seconds(5), heard, kHasCalls), Action::kNone);
    ASSERT_EQ(silence.look_at(), heard + seconds(20));
    now = heard + seconds(20);
  }
  EXPECT_EQ(silence.Look(now, now - seconds(20), kHasCalls), Action::kAsk);
  EXPECT_TRUE(IsGivenUpFrom(now + seconds(5), now - seconds(20), silence));
}

TEST(SilenceTest, LooksAgainInTimeToAskThoughItWouldWaitForLong) {
  Silence silence(
      {.ask_after = seconds(20), .give_up_after = std::chrono::hours(1)});
  silence.Watch(kStart);
  const SteadyTime asked = kStart + seconds(20);
  EXPECT_EQ(silence.Look(asked, kStart, kHasCalls), Action::kAsk);
  EXPECT_EQ(silence.look_at(), asked + seconds(20));
  EXPECT_EQ(silence.Look(asked + seconds(20), kStart, kHasCalls),
            Action::kNone);
  EXPECT_EQ(silence.look_at(), asked + seconds(40));
  EXPECT_EQ(silence.Look(asked + seconds(40), asked + seconds(1), kHasCalls),
            Action::kAsk);
}

TEST(SilenceTest, LeavesAnIdleServerInPeace) {
  Silence silence(kLimits);
  silence.Watch(kStart);
  EXPECT_EQ(silence.Look(kStart + seconds(20), kStart, kHasNone),
            Action::kNone);
  EXPECT_FALSE(silence.watched());
  EXPECT_EQ(silence.look_at(), kNever);
}

TEST(SilenceTest, NeverAsksWhereItIsNotToAsk) {
  Silence silence({.ask_after = std::chrono::nanoseconds::max(),
                   .give_up_after = seconds(5)});
  silence.Watch(kStart);
  EXPECT_EQ(silence.look_at(), kNever);
  EXPECT_EQ(silence.Look(kStart + std::chrono::hours(1000), kStart, kHasCalls),
            Action::kNone);
}

}  // namespace
}  // namespace pinion::client_internal
