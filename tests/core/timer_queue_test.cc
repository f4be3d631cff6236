// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/timer_queue.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/clock.h"
#include "pinion/server/testing/seed.h"

namespace pinion {
namespace {

using ::pinion::testing::Seed;
using ::std::chrono::nanoseconds;
using ::testing::ElementsAre;

// One second before a clock of 64 bits begins anew.
constexpr Moment kNearTheWrap(uint64_t{0} - 1'000'000'000);

TEST(MomentTest, OrdersMomentsOnBothSidesOfTheWrap) {
  const Moment before = kNearTheWrap;
  const Moment after = before + std::chrono::seconds(2);
  EXPECT_LT(after.nanos(), before.nanos()) << "it has wrapped";
  EXPECT_LT(before, after);
  EXPECT_GT(after, before);
  EXPECT_EQ(after - before, std::chrono::seconds(2));
  EXPECT_EQ(before - after, -std::chrono::seconds(2));
}

TEST(TimerQueueTest, GivesOutTimersInTheOrderInWhichTheyAreDue) {
  TimerQueue timers;
  Timer first, second, third;
  timers.Arm(second, kNearTheWrap + std::chrono::milliseconds(999));
  timers.Arm(third, kNearTheWrap + std::chrono::milliseconds(1001));
  timers.Arm(first, kNearTheWrap);
  EXPECT_EQ(timers.Next(), kNearTheWrap);
  const Moment later = kNearTheWrap + std::chrono::seconds(2);
  EXPECT_EQ(timers.PopDue(later), &first);
  EXPECT_EQ(timers.PopDue(later), &second);
  EXPECT_EQ(timers.PopDue(later), &third);
  EXPECT_EQ(timers.PopDue(later), nullptr);
  EXPECT_EQ(timers.Next(), std::nullopt);
}

TEST(TimerQueueTest, GivesNoTimerOutBeforeItIsDue) {
  TimerQueue timers;
  Timer timer;
  timers.Arm(timer, kNearTheWrap);
  EXPECT_EQ(timers.PopDue(kNearTheWrap + nanoseconds(-1)), nullptr);
  EXPECT_TRUE(timer.armed());
  EXPECT_EQ(timers.PopDue(kNearTheWrap), &timer);
  EXPECT_FALSE(timer.armed());
}

TEST(TimerQueueTest, AgreesWithAPlainMapWhateverIsDone) {
  const Seed seed;
  std::mt19937_64 random(seed.value());
  TimerQueue timers;
  std::vector<Timer> all(300);
  std::vector<Timer> others(all.size());
  std::map<Timer*, Moment> expected;
  Moment now = kNearTheWrap;
  for (int step = 0; step < 100'000; ++step) {
    const size_t which = random() % all.size();
    Timer& timer = all[which];
    switch (random() % 5) {
      case 0:
      case 1: {
        const Moment at = now + nanoseconds(random() % 100'000'000);
        timers.Arm(timer, at);
        expected[&timer] = at;
        break;
      }
      case 4: {  // It moves elsewhere, and back.
        others[which] = timer;
        timers.Moved(others[which]);
        timer = Timer();
        timers.Arm(all[(which + 1) % all.size()], now + nanoseconds(500));
        expected[&all[(which + 1) % all.size()]] = now + nanoseconds(500);
        timer = others[which];
        timers.Moved(timer);
        break;
      }
      case 2:
        timers.Disarm(timer);
        expected.erase(&timer);
        break;
      case 3: {
        now = now + nanoseconds(random() % 1'000'000);
        while (Timer* due = timers.PopDue(now)) {
          const auto soonest = std::min_element(
              expected.begin(), expected.end(),
              [](auto& a, auto& b) { return a.second < b.second; });
          ASSERT_NE(soonest, expected.end());
          ASSERT_EQ(expected.at(due), soonest->second);
          ASSERT_LE(soonest->second, now);
          expected.erase(due);
        }
        break;
      }
    }
    ASSERT_EQ(timers.size(), expected.size());
    ASSERT_EQ(timer.armed(), expected.contains(&timer));
  }
  for (const auto& [timer, at] : expected) EXPECT_GT(at, now);
  EXPECT_GT(now - kNearTheWrap, std::chrono::seconds(1)) << "never wrapped";
}

}  // namespace
}  // namespace pinion
