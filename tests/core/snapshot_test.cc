// SPDX-License-Identifier: Apache-2.0
//
// What a scheduler tells of its workers.
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_lists.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::std::chrono::microseconds;
using ::std::chrono::nanoseconds;
using ::testing::ElementsAre;

// Longer than any test.
constexpr std::chrono::hours kVeryLong{1};

struct Job : WorkItem {};

class SnapshotTest : public ::testing::Test {
 protected:
  WorkerStats Of(int worker) const { return scheduler_->Snapshot()[worker]; }

  // A task of `task_class` whose runs take `took`.
  Task* Taking(nanoseconds took, TaskClass task_class = TaskClass::kNormal) {
    return scheduler_->AddTask(1, {.task_class = task_class},
                               [=, this](WakeReasons) { time_.Advance(took); });
  }

  FakeClock time_;
  std::unique_ptr<Scheduler> scheduler_ =
      Scheduler::Manual({.workers = 2}, time_.clock());
};

TEST_F(SnapshotTest, CountsRunsByClassAndTheLongestAndTheBusyTime) {
  Taking(microseconds(3), TaskClass::kUrgent)->Wake();
  Taking(microseconds(5))->Wake();
  Taking(microseconds(1))->Wake();
  Taking(microseconds(2), TaskClass::kBulk)->Wake();
  scheduler_->RunUntilIdle(/*seed=*/1);
  const WorkerStats stats = Of(1);
  EXPECT_EQ(stats.worker, 1);
  EXPECT_EQ(stats.rounds, 1u);
  EXPECT_THAT(stats.runs, ElementsAre(1, 2, 1));
  EXPECT_EQ(stats.longest_run_ns, 5000u);
  EXPECT_EQ(stats.busy_ns, 11'000u);
  EXPECT_THAT(Of(0).runs, ElementsAre(0, 0, 0));
}

TEST_F(SnapshotTest, CountsTheItemsThatWereHandedOut) {
  WorkLists<Job>* lists =
      WorkLists<Job>::Create(*scheduler_, {}, [](int, WorkBatch& batch) {
        while (batch.Pop<Job>()) {
        }
      }).value();
  std::deque<Job> jobs(7);
  for (Job& job : jobs) lists->Add(1, &job);
  scheduler_->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(Of(1).items, 7u);
}

TEST_F(SnapshotTest, CountsTimersArmedAndFired) {
  Task* task = Taking({});
  task->WakeAfter(microseconds(10));
  scheduler_->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(Of(1).timers_armed, 1u);
  EXPECT_EQ(Of(1).timers_fired, 0u);
  time_.Advance(microseconds(11));
  scheduler_->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(Of(1).timers_armed, 0u);
  EXPECT_EQ(Of(1).timers_fired, 1u);
}

// A burst that finds the worker asleep costs one system call; one that finds it
// awake costs none.
TEST_F(SnapshotTest, CountsWakesThatCostASystemCallAndThoseThatDidNot) {
  Task* tasks[] = {Taking({}), Taking({}), Taking({})};
  for (Task* task : tasks) task->Wake();  // It has not slept yet.
  scheduler_->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(Of(1).wakes_sent, 0u);
  EXPECT_EQ(Of(1).wakes_skipped, 3u);
  EXPECT_EQ(Of(1).sleeps, 1u);
  for (Task* task : tasks) task->Wake();
  for (Task* task : tasks) task->Wake();  // Each is to run anyway.
  scheduler_->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(Of(1).wakes_sent, 1u);
  EXPECT_EQ(Of(1).wakes_skipped, 5u);
  EXPECT_EQ(Of(1).sleeps, 2u);
}

TEST_F(SnapshotTest, CanBeTakenWhileWorkersRun) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  Task* task = nullptr;
  std::atomic<bool> end{false};
  task = scheduler->AddTask(0, [&](WakeReasons) {
    if (!end) task->Wake();
  });
  task->Wake();
  uint64_t seen = 0;
  while (seen < 1000) {
    const WorkerStats stats = scheduler->Snapshot()[0];
    EXPECT_GE(stats.runs[1], seen);
    seen = stats.runs[1];
  }
  end = true;
  ASSERT_TRUE(scheduler->Drain(std::chrono::minutes(1)).ok());
  EXPECT_EQ(task->stats().runs, scheduler->Snapshot()[0].runs[1] - 1)
      << "beside the drain's own";
}

std::unique_ptr<Scheduler> StartSpinning(const SpinOptions& spin) {
  return Scheduler::Start({.workers = 1, .worker = {.spin = spin}}).value();
}

// Wakes a task and waits for its run.
void WakeOnce(Scheduler& scheduler) {
  Gate ran;
  scheduler.AddTask(0, [&](WakeReasons) { ran.Open(); })->Wake();
  ran.Pass();
}

TEST(SpinningTest, FindsWorkWithoutASleepIfItComesBeforeTheLimit) {
  auto scheduler =
      StartSpinning({.policy = SpinPolicy::kAlways, .limit = kVeryLong});
  // The first may have come before the worker began to spin.
  while (scheduler->Snapshot()[0].spins_paid == 0) WakeOnce(*scheduler);
  const WorkerStats stats = scheduler->Snapshot()[0];
  EXPECT_EQ(stats.sleeps, 0u);
  EXPECT_EQ(stats.wakes_sent, 0u);
  EXPECT_EQ(stats.spins_unpaid, 0u);
}

TEST(SpinningTest, SleepsAtOnceWhenToldNeverToSpin) {
  auto scheduler =
      StartSpinning({.policy = SpinPolicy::kNever, .limit = kVeryLong});
  while (scheduler->Snapshot()[0].sleeps < 5) WakeOnce(*scheduler);
  const WorkerStats stats = scheduler->Snapshot()[0];
  EXPECT_EQ(stats.spins_paid + stats.spins_unpaid, 0u);
}

TEST(SpinningTest, BeginsToSpinWhenWaitsAreShorterThanTheLimit) {
  auto scheduler =
      StartSpinning({.policy = SpinPolicy::kAdaptive, .limit = kVeryLong});
  while (scheduler->Snapshot()[0].spins_paid == 0) WakeOnce(*scheduler);
  EXPECT_GT(scheduler->Snapshot()[0].sleeps, 0u) << "it knew nothing at first";
  EXPECT_EQ(scheduler->Snapshot()[0].spins_unpaid, 0u);
}

TEST(SpinningTest, DoesNotBeginToSpinWhileNoWaitIsShorterThanTheLimit) {
  auto scheduler =
      StartSpinning({.policy = SpinPolicy::kAdaptive, .limit = nanoseconds(0)});
  while (scheduler->Snapshot()[0].sleeps < 50) WakeOnce(*scheduler);
  const WorkerStats stats = scheduler->Snapshot()[0];
  EXPECT_EQ(stats.spins_paid + stats.spins_unpaid, 0u);
}

TEST(SpinningTest, DoesNotOversleepATimer) {
  auto scheduler =
      StartSpinning({.policy = SpinPolicy::kAlways, .limit = kVeryLong});
  Gate fired;
  scheduler->AddTask(0, [&](WakeReasons) { fired.Open(); })
      ->WakeAfter(std::chrono::milliseconds(1));
  fired.Pass();
  EXPECT_EQ(scheduler->Snapshot()[0].timers_fired, 1u);
}

}  // namespace
}  // namespace pinion
