// SPDX-License-Identifier: Apache-2.0
//
// A worker's rests that end at once: something has come, or a timer is due.
#include "pinion/core/worker_rest.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "gtest/gtest.h"
#include "pinion/core/base/thread_role.h"
#include "pinion/core/clock.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/spin.h"
#include "pinion/core/wake_times.h"
#include "pinion/core/work_item.h"

namespace pinion {
namespace {

constexpr std::chrono::nanoseconds kLimit = std::chrono::microseconds(50);

// With a clock that stands still, and starts far below the machine's: the
// kernel, which looks at that one, finds each timer of these tests due.
class WorkerRestTest : public ::testing::Test {
 protected:
  WorkerRestTest() { worker_thread_.Claim(); }

  uint64_t Ticks() const { return time_.clock().Ticks(); }

  // Rests until a timer that is due now.
  void RestUntilTimer(WorkerRest& rest) {
    rest.AwaitWork(Ticks(), time_.Now());
  }
  // How many tasks have come.
  static size_t TakeAll(WorkerRest& rest) {
    WorkerRest::Arrived arrived = rest.TakeAll();
    const size_t tasks = arrived.tasks.size();
    while (arrived.tasks.Pop() != nullptr) {
    }
    return tasks;
  }

  FakeClock time_{Moment(1000)};
  ThreadRole worker_thread_;
  WorkerRest sleeper_{{.policy = SpinPolicy::kNever, .limit = kLimit},
                      time_.clock(),
                      worker_thread_};
  WorkerRest spinner_{{.policy = SpinPolicy::kAlways, .limit = kLimit},
                      time_.clock(),
                      worker_thread_};
  WorkItem task_, other_task_;
};

TEST_F(WorkerRestTest, OnlyThePushThatEndsASleepIsAWakeThatWasSent) {
  sleeper_.Push(&task_);
  EXPECT_EQ(TakeAll(sleeper_), 1u);
  EXPECT_EQ(sleeper_.tallies().wakes_sent.value(), 0u);
  EXPECT_EQ(sleeper_.tallies().wakes_skipped.value(), 1u);
  ASSERT_TRUE(sleeper_.AnnounceSleep());
  sleeper_.Push(&task_);
  sleeper_.Push(&other_task_);
  EXPECT_EQ(TakeAll(sleeper_), 2u);
  EXPECT_EQ(sleeper_.tallies().sleeps.value(), 1u);
  EXPECT_EQ(sleeper_.tallies().wakes_sent.value(), 1u);
  EXPECT_EQ(sleeper_.tallies().wakes_skipped.value(), 2u);
}

TEST_F(WorkerRestTest, ASleepIsNotAnnouncedOnceWorkHasCome) {
  sleeper_.Push(&task_);
  EXPECT_FALSE(sleeper_.AnnounceSleep());
  sleeper_.AwaitWork(Ticks(), std::nullopt);  // Returns at once.
  EXPECT_EQ(sleeper_.tallies().sleeps.value(), 0u);
  EXPECT_FALSE(sleeper_.empty());
  WorkerRest::Arrived arrived = sleeper_.TakeAll();
  EXPECT_FALSE(arrived.was_asleep);
  EXPECT_EQ(arrived.tasks.Pop(), &task_);
}

TEST_F(WorkerRestTest, ATimerEndsASleepThatNobodyHasToEndAnyMore) {
  RestUntilTimer(sleeper_);
  EXPECT_EQ(sleeper_.tallies().sleeps.value(), 1u);
  EXPECT_EQ(TakeAll(sleeper_), 0u);
  sleeper_.Push(&task_);
  EXPECT_EQ(TakeAll(sleeper_), 1u);
  EXPECT_EQ(sleeper_.tallies().wakes_sent.value(), 0u);
}

TEST_F(WorkerRestTest, ASpinPaysIfWorkHasCome) {
  spinner_.Push(&task_);
  spinner_.AwaitWork(Ticks(), std::nullopt);
  EXPECT_EQ(spinner_.tallies().spins_paid.value(), 1u);
  EXPECT_EQ(spinner_.tallies().spins_unpaid.value(), 0u);
  EXPECT_EQ(spinner_.tallies().sleeps.value(), 0u);
  EXPECT_EQ(TakeAll(spinner_), 1u);
}

TEST_F(WorkerRestTest, ATimerEndsASpin) {
  RestUntilTimer(spinner_);
  EXPECT_EQ(spinner_.tallies().spins_paid.value(), 0u);
  EXPECT_EQ(spinner_.tallies().spins_unpaid.value(), 0u);
  EXPECT_EQ(spinner_.tallies().sleeps.value(), 0u);
}

TEST_F(WorkerRestTest, ASpinThatDoesNotPayIsFollowedByASleep) {
  const uint64_t begun = Ticks();
  time_.Advance(kLimit);
  spinner_.AwaitWork(begun, time_.Now() + std::chrono::nanoseconds(1));
  EXPECT_EQ(spinner_.tallies().spins_unpaid.value(), 1u);
  EXPECT_EQ(spinner_.tallies().sleeps.value(), 1u);
  EXPECT_EQ(spinner_.tallies().idle_ticks.value(),
            static_cast<uint64_t>(kLimit.count()));
}

TEST_F(WorkerRestTest, TheFirstTaskAfterAWaitSaysWhenItWasWoken) {
  const uint64_t begun = Ticks();
  sleeper_.Push(&task_);
  time_.Advance(std::chrono::nanoseconds(10));
  EXPECT_EQ(sleeper_.AwaitWork(begun, std::nullopt), begun + 10);
  EXPECT_EQ(TakeAll(sleeper_), 1u);
  time_.Advance(std::chrono::nanoseconds(10));
  sleeper_.LearnFromWaitFor(begun + 4, /*was_woken=*/true);
  sleeper_.LearnFromWaitFor(begun + 5, /*was_woken=*/true);
  EXPECT_EQ(sleeper_.last_wake().asked, begun + 4);
  EXPECT_EQ(sleeper_.last_wake().awake, begun + 10);
}

TEST_F(WorkerRestTest, AWaitThatATimerEndedIsNoWake) {
  RestUntilTimer(sleeper_);
  sleeper_.LearnFromWaitFor(Ticks(), /*was_woken=*/true);  // Comes later.
  EXPECT_EQ(sleeper_.last_wake().awake, 0u);
}

TEST_F(WorkerRestTest, SpinsOnceMostWaitsWereShort) {
  WorkerRest rest({.policy = SpinPolicy::kAdaptive, .limit = kLimit},
                  time_.clock(), worker_thread_);
  for (int i = 0; i < 100; ++i) {
    rest.Push(&task_);
    rest.AwaitWork(Ticks(), std::nullopt);
    EXPECT_EQ(TakeAll(rest), 1u);
    rest.LearnFromWaitFor(Ticks(), /*was_woken=*/false);
  }
  const uint64_t paid = rest.tallies().spins_paid.value();
  EXPECT_GT(paid, 50u);
  EXPECT_LT(paid, 100u) << "nothing was known at first";
}

}  // namespace
}  // namespace pinion
