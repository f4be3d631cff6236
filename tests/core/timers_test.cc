// SPDX-License-Identifier: Apache-2.0
//
// The timers of tasks: when they fire, and what others see of it.
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::std::chrono::milliseconds;
using ::std::chrono::nanoseconds;
using ::std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// One worker stepped by hand, and a task that notes when it ran and why.
class TimersTest : public ::testing::Test {
 protected:
  struct Run {
    nanoseconds at;  // Since the test began.
    WakeReasons reasons;
    bool operator==(const Run&) const = default;
  };

  // Runs all that is due, then lets time pass.
  void Pass(nanoseconds span) {
    scheduler_->RunUntilIdle(/*seed=*/1);
    time_.Advance(span);
    scheduler_->RunUntilIdle(/*seed=*/1);
  }

  // On the worker of the task.
  void OnWorker(std::function<void()> function) {
    scheduler_->AddTask(0, [&](WakeReasons) { function(); })->Wake();
    scheduler_->RunUntilIdle(/*seed=*/1);
  }

  // On a thread that is no worker's.
  static void Elsewhere(const std::function<void()>& function) {
    std::thread(function).join();
  }

  FakeClock time_;
  const Moment begin_ = time_.Now();
  std::unique_ptr<Scheduler> scheduler_ =
      Scheduler::Manual({.worker = {.timers = 10}}, time_.clock());
  std::vector<Run> runs_;
  Task* const task_ = scheduler_->AddTask(0, [this](WakeReasons reasons) {
    runs_.push_back({time_.Now() - begin_, reasons});
  });
};

TEST_F(TimersTest, FiresOnceWhenTheTimeHasComeAndNotEarlier) {
  OnWorker([&] { task_->WakeAfter(milliseconds(5)); });
  Pass(milliseconds(5) - nanoseconds(1));
  EXPECT_THAT(runs_, IsEmpty());
  Pass(nanoseconds(1));
  EXPECT_THAT(runs_, ElementsAre(Run{milliseconds(5), kWakeTimer}));
  Pass(seconds(60));
  EXPECT_EQ(runs_.size(), 1u);
}

TEST_F(TimersTest, FiresOnBothSidesOfTheClocksWrap) {
  OnWorker([&] { task_->WakeAfter(milliseconds(999)); });
  Pass(milliseconds(999));
  OnWorker([&] { task_->WakeAfter(milliseconds(2)); });
  Pass(milliseconds(2) - nanoseconds(1));
  EXPECT_EQ(runs_.size(), 1u);
  Pass(nanoseconds(1));
  EXPECT_LT(time_.Now().nanos(), begin_.nanos()) << "the clock never wrapped";
  EXPECT_THAT(runs_, ElementsAre(Run{milliseconds(999), kWakeTimer},
                                 Run{milliseconds(1001), kWakeTimer}));
}

TEST_F(TimersTest, ANewTimeReplacesTheOldEarlierOrLater) {
  OnWorker([&] {
    task_->WakeAfter(milliseconds(5));
    task_->WakeAfter(milliseconds(9));
  });
  Pass(milliseconds(8));
  EXPECT_THAT(runs_, IsEmpty()) << "the old time counted";
  OnWorker([&] { task_->WakeAt(begin_ + milliseconds(8)); });
  Pass({});
  EXPECT_THAT(runs_, ElementsAre(Run{milliseconds(8), kWakeTimer}));
  Pass(milliseconds(100));
  EXPECT_EQ(runs_.size(), 1u);
}

TEST_F(TimersTest, ATimeThatHasPassedFiresAtOnce) {
  Pass(milliseconds(5));
  OnWorker([&] { task_->WakeAt(begin_); });
  OnWorker([&] { task_->WakeAfter(-milliseconds(1)); });
  Pass({});
  EXPECT_THAT(runs_, ElementsAre(Run{milliseconds(5), kWakeTimer},
                                 Run{milliseconds(5), kWakeTimer}));
}

TEST_F(TimersTest, ASpanLongerThanAnyLifeIsNotMistakenForThePast) {
  OnWorker([&] { task_->WakeAfter(nanoseconds::max()); });
  Pass(std::chrono::hours(24 * 365));
  EXPECT_THAT(runs_, IsEmpty());
}

TEST_F(TimersTest, ATimerTakenBackFiresNoMore) {
  OnWorker([&] {
    task_->WakeAfter(milliseconds(5));
    task_->CancelTimer();
    task_->CancelTimer();
  });
  Pass(milliseconds(10));
  EXPECT_THAT(runs_, IsEmpty());
}

TEST_F(TimersTest, ATimerTakenBackAfterItFiredButBeforeTheRunIsNotTold) {
  // Urgent, so that it runs in the round in which the timer fires, before it.
  Task* canceller =
      scheduler_->AddTask(0, {.task_class = TaskClass::kUrgent},
                          [this](WakeReasons) { task_->CancelTimer(); });
  OnWorker([&] {
    task_->WakeAfter(milliseconds(5));
    canceller->WakeAfter(milliseconds(5));
  });
  Pass(milliseconds(5));
  EXPECT_EQ(canceller->stats().runs, 1u);
  EXPECT_THAT(runs_, IsEmpty());
}

TEST_F(TimersTest, AnotherThreadsTimersAreSetByTheWorkerWhenAsked) {
  Elsewhere([&] { task_->WakeAfter(milliseconds(5)); });
  EXPECT_EQ(scheduler_->Snapshot()[0].timers_armed, 0u);
  Pass(milliseconds(5) - nanoseconds(1));
  EXPECT_EQ(scheduler_->Snapshot()[0].timers_armed, 1u);
  EXPECT_THAT(runs_, IsEmpty()) << "asking is no reason to run";
  Pass(nanoseconds(1) + nanoseconds(1));  // It may be rounded up by one.
  ASSERT_EQ(runs_.size(), 1u);
  EXPECT_EQ(runs_[0].reasons, kWakeTimer);
}

TEST_F(TimersTest, OfWhatAnotherThreadAsksTheLastCounts) {
  Elsewhere([&] {
    task_->WakeAfter(milliseconds(5));
    task_->WakeAfter(milliseconds(20));
  });
  Pass(milliseconds(19));
  EXPECT_THAT(runs_, IsEmpty());
  Elsewhere([&] { task_->CancelTimer(); });
  Pass(milliseconds(100));
  EXPECT_THAT(runs_, IsEmpty());
}

TEST_F(TimersTest, TheOwnersTimeReplacesWhatWasAskedBefore) {
  Elsewhere([&] { task_->WakeAfter(milliseconds(5)); });
  Task* owner = scheduler_->AddTask(
      0, {.task_class = TaskClass::kUrgent},
      [this](WakeReasons) { task_->WakeAfter(milliseconds(50)); });
  owner->Wake();
  Pass(milliseconds(49));
  EXPECT_THAT(runs_, IsEmpty());
  Pass(milliseconds(1));
  EXPECT_EQ(runs_.size(), 1u);
}

TEST_F(TimersTest, ATimerAndAWakeAreToldTogether) {
  OnWorker([&] { task_->WakeAfter(milliseconds(5)); });
  time_.Advance(milliseconds(5));
  task_->Wake(kWakeItems);
  scheduler_->RunUntilIdle(/*seed=*/1);
  EXPECT_THAT(runs_,
              ElementsAre(Run{milliseconds(5), kWakeTimer | kWakeItems}));
}

TEST_F(TimersTest, AKilledTasksTimerIsDisarmed) {
  OnWorker([&] { task_->WakeAfter(milliseconds(5)); });
  task_->Kill();
  scheduler_->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(scheduler_->Snapshot()[0].timers_armed, 0u);
  OnWorker([&] { task_->WakeAfter(milliseconds(5)); });
  Pass(milliseconds(10));
  EXPECT_THAT(runs_, IsEmpty());
}

TEST_F(TimersTest, ARoundFiresAsManyAsItsOptionSaysAndTheNextTheRest) {
  std::vector<Task*> tasks;
  int fired = 0;
  for (int i = 0; i < 25; ++i) {
    tasks.push_back(scheduler_->AddTask(0, [&](WakeReasons) { ++fired; }));
  }
  OnWorker([&] {
    for (Task* task : tasks) task->WakeAfter(milliseconds(1));
  });
  time_.Advance(milliseconds(1));
  std::vector<int> after_each_round;
  while (scheduler_->Step(0)) after_each_round.push_back(fired);
  EXPECT_THAT(after_each_round, ElementsAre(10, 20, 25));
}

TEST_F(TimersTest, AWorkerDoesNotGoToSleepWhileATimerIsDue) {
  std::vector<Task*> tasks;
  for (int i = 0; i < 25; ++i) {
    tasks.push_back(scheduler_->AddTask(0, [](WakeReasons) {}));
  }
  OnWorker([&] {
    for (Task* task : tasks) task->WakeAfter(milliseconds(1));
  });
  const auto sleeps = [&] { return scheduler_->Snapshot()[0].sleeps; };
  const uint64_t before = sleeps();
  time_.Advance(milliseconds(1));
  scheduler_->Step(0);
  EXPECT_EQ(sleeps(), before);
  scheduler_->Step(0);
  EXPECT_EQ(sleeps(), before);
  scheduler_->Step(0);  // The last five.
  EXPECT_EQ(sleeps(), before + 1);
}

TEST(TimersDueAtOnceTest, AHundredThousandDoNotHoldUpAnUrgentTask) {
  constexpr int kTimers = 100'000;
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  int fired = 0, fired_before_urgent = -1;
  for (int i = 0; i < kTimers; ++i) {
    scheduler->AddTask(0, [&](WakeReasons) { ++fired; })->WakeAfter({});
  }
  scheduler->RunUntilIdle(1);
  EXPECT_EQ(fired, kTimers);
  fired = 0;
  std::vector<Task*> tasks;
  for (int i = 0; i < kTimers; ++i) {
    tasks.push_back(scheduler->AddTask(0, [&](WakeReasons) { ++fired; }));
    tasks.back()->WakeAfter(seconds(5));
  }
  scheduler->RunUntilIdle(1);
  EXPECT_EQ(scheduler->Snapshot()[0].timers_armed, uint64_t{kTimers});
  time.Advance(seconds(5));
  Task* urgent =
      scheduler->AddTask(0, {.task_class = TaskClass::kUrgent},
                         [&](WakeReasons) { fired_before_urgent = fired; });
  // In the midst of it.
  for (int round = 0; round < 10; ++round) scheduler->Step(0);
  const int fired_before_wake = fired;
  EXPECT_GT(fired_before_wake, 0);
  EXPECT_LT(fired_before_wake, kTimers);
  urgent->Wake();
  scheduler->RunUntilIdle(1);
  EXPECT_EQ(fired_before_urgent, fired_before_wake);
  EXPECT_EQ(fired, kTimers);
}

TEST(TimersOfThreadsTest, AWorkerThatSleepsWakesForItsTimerAndNotEarlier) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  Gate fired;
  Moment at;
  const Moment due = scheduler->clock().Now() + milliseconds(20);
  scheduler
      ->AddTask(0,
                [&](WakeReasons) {
                  at = scheduler->clock().Now();
                  fired.Open();
                })
      ->WakeAt(due);
  fired.Pass();
  EXPECT_GE(at, due);
  EXPECT_EQ(scheduler->Snapshot()[0].timers_fired, 1u);
}

}  // namespace
}  // namespace pinion
