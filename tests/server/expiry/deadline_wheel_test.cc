// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/expiry/deadline_wheel.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include "gtest/gtest.h"
#include "pinion/core/clock.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/testing/seed.h"

namespace pinion {
namespace {

using ::pinion::testing::Seed;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds kTick = DeadlineWheel::kTick;
// As long as the wheel takes to come around; and some more.
constexpr nanoseconds kExactTurn = 2048 * kTick;
constexpr seconds kTurn(5);

struct Alarm final : DeadlineWheel::Item {
  void Hold() override { ++holds; }
  void OnDue() override { ++times_due; }
  int holds = 0, times_due = 0;
};

class DeadlineWheelTest : public ::testing::Test {
 protected:
  ~DeadlineWheelTest() override { EXPECT_EQ(wheel_.size(), 0u); }

  void RunDue() { DeadlineWheel::RunAll(wheel_.TakeDue(time_.Now())); }

  // It begins one second before the clock wraps.
  FakeClock time_;
  DeadlineWheel wheel_{time_.Now()};
};

TEST_F(DeadlineWheelTest, NothingIsDueBeforeItsTimeNorMoreThanATickAfterIt) {
  for (nanoseconds span = nanoseconds(1); span < 3 * kTick;
       span += microseconds(37)) {
    Alarm alarm;
    const Moment at = time_.Now() + span;
    wheel_.Arm(alarm, at);
    time_.Advance(span - nanoseconds(1));
    RunDue();
    EXPECT_EQ(alarm.times_due, 0);
    time_.Advance(kTick + nanoseconds(1));
    RunDue();
    EXPECT_EQ(alarm.times_due, 1);
    EXPECT_EQ(alarm.holds, 1);
  }
}

TEST_F(DeadlineWheelTest, WhatHasPassedComesWithTheNextTick) {
  time_.Advance(seconds(1));
  RunDue();
  Alarm alarm;
  EXPECT_LE(wheel_.Arm(alarm, time_.Now() + -kTurn), time_.Now() + kTick);
  RunDue();
  EXPECT_EQ(alarm.times_due, 0);
  time_.Advance(kTick);
  RunDue();
  EXPECT_EQ(alarm.times_due, 1);
}

TEST_F(DeadlineWheelTest, WhatIsTurnsAheadStaysForAsManyTurns) {
  Alarm alarm;
  const Moment at = time_.Now() + 3 * kTurn;
  wheel_.Arm(alarm, at);
  while (time_.Now() < at) {
    RunDue();
    ASSERT_EQ(alarm.times_due, 0);
    time_.Advance(milliseconds(1));
  }
  time_.Advance(kTick);
  RunDue();
  EXPECT_EQ(alarm.times_due, 1);
}

TEST_F(DeadlineWheelTest, ALookAfterManyTurnsFindsAllThatIsDueAndNoMore) {
  std::deque<Alarm> due(100), not_due(100);
  for (int i = 0; i < 100; ++i) {
    wheel_.Arm(due[i], time_.Now() + milliseconds(1 + 100 * i));
    wheel_.Arm(not_due[i], time_.Now() + 5 * kTurn + milliseconds(1 + i));
  }
  time_.Advance(5 * kTurn);
  RunDue();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(due[i].times_due, 1) << i;
    EXPECT_EQ(not_due[i].times_due, 0) << i;
    wheel_.Disarm(not_due[i]);
  }
}

TEST_F(DeadlineWheelTest, AnItemCanBeTakenBackFromAnyPlaceInItsSlot) {
  // All in one slot; the last one in another turn.
  constexpr int kItems = 5;
  for (int taken_back = 0; taken_back < kItems; ++taken_back) {
    std::deque<Alarm> alarms(kItems);
    const Moment at = time_.Now() + milliseconds(10);
    for (Alarm& alarm : alarms) wheel_.Arm(alarm, at);
    Alarm later;
    wheel_.Arm(later, at + kExactTurn);
    wheel_.Disarm(alarms[taken_back]);
    wheel_.Disarm(alarms[taken_back]);  // Which may be said again.
    EXPECT_EQ(wheel_.size(), static_cast<size_t>(kItems));
    time_.Advance(milliseconds(10) + kTick);
    RunDue();
    for (int i = 0; i < kItems; ++i) {
      EXPECT_EQ(alarms[i].times_due, i != taken_back) << i;
    }
    EXPECT_EQ(later.times_due, 0);
    wheel_.Disarm(later);
  }
}

TEST_F(DeadlineWheelTest, WhatIsTakenBackWhenItIsDueAlreadyIsToldAndLetGo) {
  Alarm first, second;
  wheel_.Arm(first, time_.Now() + milliseconds(1));
  wheel_.Arm(second, time_.Now() + milliseconds(1));
  time_.Advance(milliseconds(1) + kTick);
  auto due = wheel_.TakeDue(time_.Now());
  wheel_.Disarm(first);
  wheel_.Disarm(second);
  DeadlineWheel::RunAll(std::move(due));
  for (const Alarm* alarm : {&first, &second}) {
    EXPECT_EQ(alarm->holds, 1);
    EXPECT_EQ(alarm->times_due, 1);
  }
}

TEST_F(DeadlineWheelTest, AnItemCanBeArmedAnewWhenItIsDue) {
  Alarm alarm;
  for (int i = 1; i <= 3; ++i) {
    wheel_.Arm(alarm, time_.Now() + milliseconds(1));
    time_.Advance(milliseconds(1) + kTick);
    RunDue();
    EXPECT_EQ(alarm.times_due, i);
  }
}

// What a plain map of the same items says.
class DeadlineWheelRandomTest : public DeadlineWheelTest {
 protected:
  struct Armed {
    Moment at;      // As asked,
    Moment latest;  // and how late it may come,
    Moment due;     // and when the wheel says that it will.
  };

  nanoseconds DrawSpan() {
    switch (random_() % 4) {
      case 0:
        return nanoseconds(random_() % 20'000'000'000);
      case 1:
        return -nanoseconds(random_() % 5'000'000);
      default:
        return nanoseconds(random_() % 20'000'000);
    }
  }

  void Arm(Alarm& alarm) {
    if (armed_.contains(&alarm)) return;
    const Moment now = time_.Now();
    const Moment at = now + DrawSpan();
    const Moment due = wheel_.Arm(alarm, at);
    armed_[&alarm] = {
        .at = at, .latest = std::max(at, now) + kTick, .due = due};
    ASSERT_GE(due, at);
    ASSERT_LE(due, armed_[&alarm].latest);
  }

  void Disarm(Alarm& alarm) {
    wheel_.Disarm(alarm);
    armed_.erase(&alarm);
  }

  void LetTimePass() {
    time_.Advance(nanoseconds(random_() % 50 == 0 ? random_() % 9'000'000'000
                                                  : random_() % 3'000'000));
    if (random_() % 3 != 0) TakeDue();
  }

  void TakeDue() {
    RunDue();
    for (Alarm& alarm : alarms_) {
      const auto armed = armed_.find(&alarm);
      if (std::exchange(alarm.times_due, 0) == 1) {
        ASSERT_NE(armed, armed_.end()) << "it was not armed";
        ASSERT_LE(armed->second.at, time_.Now()) << "it came early";
        armed_.erase(armed);
      } else if (armed != armed_.end()) {
        ASSERT_GT(armed->second.latest, time_.Now()) << "it comes late";
      }
    }
  }

  void CheckNext() {
    ASSERT_EQ(wheel_.size(), armed_.size());
    const std::optional<Moment> next = wheel_.Next();
    ASSERT_EQ(next.has_value(), !armed_.empty());
    for (const auto& [alarm, armed] : armed_) ASSERT_LE(*next, armed.due);
  }

  const Seed seed_;
  std::mt19937_64 random_{seed_.value()};
  std::deque<Alarm> alarms_ = std::deque<Alarm>(100);
  std::map<Alarm*, Armed> armed_;
};

TEST_F(DeadlineWheelRandomTest, AgreesWithAPlainMapWhateverIsDone) {
  for (int step = 0; step < 100'000 && !HasFatalFailure(); ++step) {
    Alarm& alarm = alarms_[random_() % alarms_.size()];
    switch (random_() % 4) {
      case 0:
      case 1:
        Arm(alarm);
        break;
      case 2:
        Disarm(alarm);
        break;
      case 3:
        LetTimePass();
        break;
    }
    CheckNext();
  }
  for (Alarm& alarm : alarms_) Disarm(alarm);
}

}  // namespace
}  // namespace pinion
