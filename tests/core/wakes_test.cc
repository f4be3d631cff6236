// SPDX-License-Identifier: Apache-2.0
//
// How many runs wakes lead to, what they cost a worker that sleeps, and who has
// his turn when many are woken.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/interleaving.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_lists.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;

constexpr std::chrono::minutes kLong{1};
constexpr int kThousand = 1000;

struct Job : WorkItem {};

TEST(WakesTest, NAddsGiveOneToNRunsAndNoneToWhoAddsNothing) {
  constexpr int kAdds = 8;
  // Each bit says whether there is a round between two adds.
  for (unsigned rounds = 0; rounds < 1u << kAdds; ++rounds) {
    FakeClock time;
    auto scheduler = Scheduler::Manual({}, time.clock());
    int runs = 0, handled = 0;
    WorkLists<Job>* lists =
        WorkLists<Job>::Create(*scheduler, {}, [&](int, WorkBatch& batch) {
          ++runs;
          while (batch.Pop<Job>()) ++handled;
        }).value();
    EXPECT_FALSE(scheduler->Step(0)) << "lists are not woken when made";
    std::deque<Job> jobs(kAdds);
    int with_a_round = 0;
    for (int i = 0; i < kAdds; ++i) {
      lists->Add(0, &jobs[i]);
      if ((rounds >> i & 1) != 0) with_a_round += scheduler->Step(0);
    }
    scheduler->RunUntilIdle(/*seed=*/1);
    EXPECT_EQ(handled, kAdds);
    EXPECT_GE(runs, std::max(1, with_a_round));
    EXPECT_LE(runs, kAdds);
  }
}

TEST(WakesTest, ATaskIsNotWokenWhenItIsMade) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  bool ran = false;
  scheduler->AddTask(0, [&](WakeReasons) { ran = true; });
  EXPECT_FALSE(scheduler->Step(0));
  EXPECT_FALSE(ran);
}

// A worker that sleeps in the kernel, and when it is woken is held until the
// test lets it go on. Counts the system calls that wake it.
class SleeperTest : public ::testing::Test {
 protected:
  SleeperTest() {
    asleep_.Open();  // Only counts.
    SetInterleavingHook([this](Point point) {
      if (point == Point::kSleeping) asleep_.Pass();
      if (point == Point::kAwake) awake_.Pass();
      if (point == Point::kWaking) ++calls_;
    });
    scheduler_ =
        Scheduler::Start(
            {.workers = 1, .worker = {.spin = {.policy = SpinPolicy::kNever}}})
            .value();
    asleep_.AwaitArrivals(1);
  }
  ~SleeperTest() override {
    awake_.Open();
    scheduler_.reset();
    SetInterleavingHook(nullptr);
  }

  // Has it run all, and checks what it tells of `wakes`.
  void ExpectOneCallFor(int wakes) {
    EXPECT_EQ(calls_, 1);
    awake_.Open();
    ASSERT_TRUE(scheduler_->Drain(kLong).ok());
    EXPECT_EQ(runs_, wakes);
    // The drain may have found it asleep again.
    const WorkerStats stats = scheduler_->Snapshot()[0];
    EXPECT_EQ(stats.wakes_sent, static_cast<uint64_t>(calls_));
    EXPECT_GE(stats.wakes_skipped, static_cast<uint64_t>(wakes) - 1);
  }

  Gate asleep_, awake_;
  std::atomic<int> calls_{0};
  int runs_ = 0;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(SleeperTest, AThousandWakesOfManyTasksCostOneSystemCall) {
  std::vector<Task*> tasks;
  for (int i = 0; i < kThousand; ++i) {
    tasks.push_back(scheduler_->AddTask(0, [this](WakeReasons) { ++runs_; }));
  }
  for (Task* task : tasks) task->Wake();
  ExpectOneCallFor(kThousand);
}

TEST_F(SleeperTest, AThousandWakesFromManyThreadsCostOneSystemCall) {
  constexpr int kThreads = 4;
  std::vector<Task*> tasks;
  for (int i = 0; i < kThousand; ++i) {
    tasks.push_back(scheduler_->AddTask(0, [this](WakeReasons) { ++runs_; }));
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < kThousand; i += kThreads) tasks[i]->Wake();
    });
  }
  for (auto& thread : threads) thread.join();
  ExpectOneCallFor(kThousand);
}

TEST_F(SleeperTest, AThousandWakesOfOneTaskCostOneSystemCallAndOneRun) {
  Task* task = scheduler_->AddTask(0, [this](WakeReasons) { ++runs_; });
  for (int i = 0; i < kThousand; ++i) task->Wake();
  ExpectOneCallFor(1);
}

TEST_F(SleeperTest, AThousandItemsCostOneSystemCall) {
  WorkLists<Job>* lists =
      WorkLists<Job>::Create(*scheduler_, {}, [this](int, WorkBatch& batch) {
        while (batch.Pop<Job>()) ++runs_;
      }).value();
  std::deque<Job> jobs(kThousand);
  for (Job& job : jobs) ASSERT_TRUE(Accepted(lists->Add(0, &job)));
  EXPECT_EQ(calls_, 1);
  awake_.Open();
  ASSERT_TRUE(scheduler_->Drain(kLong).ok());
  EXPECT_EQ(runs_, kThousand) << "each is counted when handled";
}

// Tasks that wake themselves on their worker, and tasks that another thread
// wakes: more of them than a round serves.
TEST(FairTurnsTest, LocalAndForeignWakesOfAClassTakeTurns) {
  constexpr int kOfEachKind = 3;
  constexpr int kRounds = 120;
  for (const TaskClass task_class : {TaskClass::kNormal, TaskClass::kBulk}) {
    const ClassBudget two = {.runs = 2, .time = kLong};
    FakeClock time;
    std::array<Task*, kOfEachKind> local, foreign;  // They outlive the runs.
    auto scheduler = Scheduler::Manual({.worker = {.normal = two, .bulk = two}},
                                       time.clock());
    for (int i = 0; i < kOfEachKind; ++i) {
      local[i] = scheduler->AddTask(0, {.task_class = task_class},
                                    [&, i](WakeReasons) { local[i]->Wake(); });
      foreign[i] = scheduler->AddTask(
          0, {.task_class = task_class}, [&, i](WakeReasons) {
            std::thread([&] { foreign[i]->Wake(); }).join();
          });
      local[i]->Wake();
      foreign[i]->Wake();
    }
    for (int round = 0; round < kRounds; ++round) {
      ASSERT_TRUE(scheduler->Step(0));
    }
    const uint64_t share = local[0]->stats().runs;
    EXPECT_GT(share, 0u);
    for (int i = 0; i < kOfEachKind; ++i) {
      EXPECT_NEAR(local[i]->stats().runs, share, 1) << i;
      EXPECT_NEAR(foreign[i]->stats().runs, share, 1) << i;
    }
  }
}

// Urgent tasks have no budget of runs: each has one in each sweep.
TEST(FairTurnsTest, LocalAndForeignWakesOfUrgentTasksTakeTurns) {
  FakeClock time;
  Task* local = nullptr;  // It outlives the last run.
  auto scheduler = Scheduler::Manual({}, time.clock());
  local = scheduler->AddTask(0, {.task_class = TaskClass::kUrgent},
                             [&](WakeReasons) { local->Wake(); });
  Task* foreign = scheduler->AddTask(0, {.task_class = TaskClass::kUrgent},
                                     [](WakeReasons) {});
  local->Wake();
  for (int round = 0; round < 100; ++round) {
    foreign->Wake();
    ASSERT_TRUE(scheduler->Step(0));
  }
  EXPECT_EQ(local->stats().runs, 100u);
  EXPECT_EQ(foreign->stats().runs, 100u);
}

}  // namespace
}  // namespace pinion
