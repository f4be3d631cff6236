// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/scheduler.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/cpu/affinity.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::chrono::minutes kLong{1};

std::unique_ptr<Scheduler> StartWorkers(int workers) {
  auto scheduler = Scheduler::Start({.workers = workers});
  EXPECT_TRUE(scheduler.ok()) << scheduler.status();
  return *std::move(scheduler);
}

int CpuCount() { return static_cast<int>(AllowedCpus().value().size()); }

TEST(SchedulerTest, RunsATaskOnItsWorkerWhichIsPinnedToItsCpu) {
  auto scheduler = StartWorkers(CpuCount());
  for (int w = 0; w < scheduler->worker_count(); ++w) {
    Gate ran;
    int worker = -1;
    std::vector<int> cpus;
    scheduler
        ->AddTask(w,
                  [&](WakeReasons) {
                    worker = Scheduler::CurrentWorker();
                    cpus = AllowedCpus().value();
                    ran.Open();
                  })
        ->Wake();
    ran.Pass();
    EXPECT_EQ(worker, w);
    EXPECT_THAT(cpus, ElementsAre(scheduler->cpu_plan().worker_cpus[w]));
  }
  EXPECT_EQ(Scheduler::CurrentWorker(), -1);
}

TEST(SchedulerTest, TellsARunAllReasonsGivenSinceTheLast) {
  auto scheduler = StartWorkers(1);
  Gate held, ran;
  std::atomic<WakeReasons> told{0};
  std::atomic<int> runs{0};
  Task* holder = scheduler->AddTask(0, [&](WakeReasons) { held.Pass(); });
  Task* task = scheduler->AddTask(0, [&](WakeReasons reasons) {
    told = reasons;
    ++runs;
    ran.Open();
  });
  holder->Wake();
  held.AwaitArrivals(1);
  task->Wake(kWakeItems);
  task->Wake(kWakeOther);
  task->Wake(kWakeItems);
  held.Open();
  ran.Pass();
  EXPECT_EQ(told, kWakeItems | kWakeOther);
  ASSERT_TRUE(scheduler->Drain(kLong).ok());
  EXPECT_EQ(runs, 1);
}

TEST(SchedulerTest, RunsATaskAgainThatIsWokenWhileItRuns) {
  auto scheduler = StartWorkers(1);
  Gate first_run, woken_again, ran_again;
  int runs = 0;
  Task* task = scheduler->AddTask(0, [&](WakeReasons) {
    if (++runs == 1) {
      first_run.Open();
      woken_again.Pass();
    } else {
      ran_again.Open();
    }
  });
  task->Wake();
  first_run.Pass();
  task->Wake();
  woken_again.Open();
  ran_again.Pass();
  ASSERT_TRUE(scheduler->Drain(kLong).ok());
  EXPECT_EQ(runs, 2);
}

TEST(SchedulerTest, RunsATaskAgainThatWakesItself) {
  auto scheduler = StartWorkers(1);
  Gate done;
  int runs = 0;
  Task* task = nullptr;
  task = scheduler->AddTask(0, [&](WakeReasons) {
    if (++runs < 100) {
      task->Wake();
    } else {
      done.Open();
    }
  });
  task->Wake();
  done.Pass();
  ASSERT_TRUE(scheduler->Drain(kLong).ok());
  EXPECT_EQ(runs, 100);
}

// The last of many wakes, from many threads, is always followed by a run.
TEST(SchedulerTest, NoWakeIsLost) {
  auto scheduler = StartWorkers(1);
  constexpr int kThreads = 4;
  constexpr int kEach = 20000;
  std::atomic<int> announced{0};
  int seen = 0;  // The worker's.
  Gate all_seen;
  Task* task = scheduler->AddTask(0, [&](WakeReasons) {
    seen = announced;
    if (seen == kThreads * kEach) all_seen.Open();
  });
  std::vector<std::thread> wakers;
  for (int t = 0; t < kThreads; ++t) {
    wakers.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        ++announced;
        task->Wake();
      }
    });
  }
  for (auto& waker : wakers) waker.join();
  all_seen.Pass();
  ASSERT_TRUE(scheduler->Stop().ok());
  EXPECT_EQ(seen, kThreads * kEach);
}

TEST(SchedulerTest, RefusesMoreWorkersThanCpusAndSaysHowManyThereAre) {
  for (int workers : {-1, CpuCount() + 1}) {
    const absl::Status status = Scheduler::Start({.workers = workers}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(std::to_string(workers)));
  }
}

// A timer that is due would be left due, and its worker would never sleep.
TEST(SchedulerTest, RefusesRoundsThatFireNoTimer) {
  const absl::Status status =
      Scheduler::Start({.worker = {.timers = 0}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("0 timers in a round"));
}

TEST(SchedulerTest, PinsWorkersToTheCpusOfTheListInItsOrder) {
  const int last = AllowedCpus().value().back();
  auto scheduler =
      Scheduler::Start({.workers = 0, .cpus = std::to_string(last)}).value();
  EXPECT_EQ(scheduler->worker_count(), 1);
  EXPECT_THAT(scheduler->cpu_plan().worker_cpus, ElementsAre(last));
}

TEST(SchedulerTest, LeavesWorkersToTheKernelWhenAskedTo) {
  auto scheduler =
      Scheduler::Start({.workers = 1, .cpu_policy = CpuPolicy::kFloat}).value();
  Gate ran;
  std::vector<int> cpus;
  scheduler
      ->AddTask(0,
                [&](WakeReasons) {
                  cpus = AllowedCpus().value();
                  ran.Open();
                })
      ->Wake();
  ran.Pass();
  EXPECT_EQ(cpus, AllowedCpus().value());
}

}  // namespace
}  // namespace pinion
