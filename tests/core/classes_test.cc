// SPDX-License-Identifier: Apache-2.0
//
// In which order a worker serves its tasks, and how tasks are killed.
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/scheduler.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::testing::Each;
using ::testing::ElementsAre;

constexpr std::chrono::microseconds kLong = std::chrono::hours(1);

// One worker, held until Go(); what its tasks did, in order.
class ClassesTest : public ::testing::Test {
 protected:
  void Start(SchedulerOptions options = {}) {
    options.workers = 1;
    scheduler_ = Scheduler::Start(options).value();
    scheduler_
        ->AddTask(0, TaskClass::kUrgent, [this](WakeReasons) { held_.Pass(); })
        ->Wake();
    held_.AwaitArrivals(1);
  }

  // A task that notes its name `runs` times, waking itself in between.
  Task* Noting(TaskClass task_class, const std::string& name, int runs = 1) {
    tasks_.push_back(nullptr);
    const size_t index = tasks_.size() - 1;
    Task* task = scheduler_->AddTask(
        0, task_class, [this, name, index, left = runs](WakeReasons) mutable {
          ran_.push_back(name);
          if (--left > 0) tasks_[index]->Wake();
        });
    tasks_[index] = task;
    return task;
  }

  // Lets the worker go, and waits until it has run all.
  const std::vector<std::string>& Go() {
    Gate end;
    end_ = scheduler_->AddTask(0, TaskClass::kBulk, [&](WakeReasons) {
      // A bulk task may come before others that had no turn yet.
      if (++ends_ < 20) {
        end_->Wake();
      } else {
        end.Open();
      }
    });
    end_->Wake();
    held_.Open();
    end.Pass();
    return ran_;
  }

  Gate held_;
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<Task*> tasks_;
  std::vector<std::string> ran_;
  Task* end_ = nullptr;
  int ends_ = 0;
};

TEST_F(ClassesTest, ServesUrgentThenNormalThenBulk) {
  Start();
  Noting(TaskClass::kBulk, "bulk")->Wake();
  Noting(TaskClass::kNormal, "normal")->Wake();
  Noting(TaskClass::kUrgent, "urgent")->Wake();
  EXPECT_THAT(Go(), ElementsAre("urgent", "normal", "bulk"));
}

TEST_F(ClassesTest, UrgentWaitsForOneRunningTaskAtMost) {
  Start();
  Gate in_first;
  Task* urgent = Noting(TaskClass::kUrgent, "urgent");
  scheduler_
      ->AddTask(0,
                [&](WakeReasons) {
                  ran_.push_back("first");
                  urgent->Wake();
                })
      ->Wake();
  Noting(TaskClass::kNormal, "second")->Wake();
  Noting(TaskClass::kNormal, "third")->Wake();
  EXPECT_THAT(Go(), ElementsAre("first", "urgent", "second", "third"));
}

TEST_F(ClassesTest, RunsNothingTwiceInOneRound) {
  Start();
  Noting(TaskClass::kNormal, "a", 3)->Wake();
  Noting(TaskClass::kNormal, "b", 3)->Wake();
  EXPECT_THAT(Go(), ElementsAre("a", "b", "a", "b", "a", "b"));
}

TEST_F(ClassesTest, AnUrgentTaskThatWakesItselfStarvesNobody) {
  Start();
  Noting(TaskClass::kUrgent, "urgent", 3)->Wake();
  Noting(TaskClass::kNormal, "normal", 2)->Wake();
  EXPECT_THAT(Go(),
              ElementsAre("urgent", "normal", "urgent", "normal", "urgent"));
}

TEST_F(ClassesTest, EndsTheTurnOfAClassWithItsBudgetOfRuns) {
  Start({.normal = {.runs = 2, .time = kLong},
         .bulk = {.runs = 100, .time = kLong}});
  for (const char* name : {"1", "2", "3", "4", "5"}) {
    Noting(TaskClass::kNormal, name)->Wake();
  }
  Noting(TaskClass::kBulk, "bulk")->Wake();
  EXPECT_THAT(Go(), ElementsAre("1", "2", "bulk", "3", "4", "5"));
}

TEST_F(ClassesTest, EndsTheTurnOfAClassWithItsBudgetOfTimeAfterOneRun) {
  Start({.normal = {.runs = 100, .time = {}}, .bulk = {.runs = 1, .time = {}}});
  for (const char* name : {"1", "2"}) Noting(TaskClass::kNormal, name)->Wake();
  for (const char* name : {"a", "b"}) Noting(TaskClass::kBulk, name)->Wake();
  EXPECT_THAT(Go(), ElementsAre("1", "a", "2", "b"));
}

TEST_F(ClassesTest, GivesTheUnusedShareOfAClassToTheNext) {
  Start({.normal = {.runs = 4, .time = kLong},
         .bulk = {.runs = 1, .time = kLong}});
  Noting(TaskClass::kNormal, "normal", 2)->Wake();
  for (const char* name : {"a", "b", "c", "d"}) {
    Noting(TaskClass::kBulk, name)->Wake();
  }
  EXPECT_THAT(Go(), ElementsAre("normal", "a", "b", "c", "d", "normal"));
}

TEST_F(ClassesTest, BulkMovesInEachRoundHoweverMuchNormalThereIs) {
  Start({.normal = {.runs = 1, .time = kLong},
         .bulk = {.runs = 2, .time = kLong}});  // One is for Go()'s own.
  Noting(TaskClass::kNormal, "n", 3)->Wake();
  Noting(TaskClass::kNormal, "n", 3)->Wake();
  Noting(TaskClass::kBulk, "bulk", 3)->Wake();
  EXPECT_THAT(
      Go(), ElementsAre("n", "bulk", "n", "bulk", "n", "bulk", "n", "n", "n"));
}

TEST_F(ClassesTest, CountsRunsAndTheTimeTheyTookAndWaited) {
  Start();
  const auto spin = [](std::chrono::milliseconds span) {
    const auto end = std::chrono::steady_clock::now() + span;
    while (std::chrono::steady_clock::now() < end) {
    }
  };
  Task* task = scheduler_->AddTask(
      0, [&](WakeReasons) { spin(std::chrono::milliseconds(2)); });
  task->Wake();
  spin(std::chrono::milliseconds(3));
  Go();
  ASSERT_TRUE(scheduler_->Stop().ok());
  const TaskStats stats = task->stats();
  EXPECT_EQ(stats.runs, 1u);
  EXPECT_GE(stats.run_ns, 1'990'000u);
  EXPECT_GE(stats.waited_ns, 2'990'000u);
}

// Counts how often a function that holds it is destroyed, and on which worker.
class KillTest : public ClassesTest {
 protected:
  std::shared_ptr<void> Token() {
    return {nullptr, [this](void*) {
              released_on_.push_back(Scheduler::CurrentWorker());
            }};
  }
  std::vector<int> released_on_;
};

TEST_F(KillTest, LetsAQueuedTaskGoWithoutRunningIt) {
  Start();
  Task* task = scheduler_->AddTask(
      0, [this, token = Token()](WakeReasons) { ran_.push_back("ran"); });
  task->Wake();
  task->Kill();
  task->Kill();
  task->Wake();
  EXPECT_THAT(Go(), ElementsAre());
  EXPECT_THAT(released_on_, ElementsAre(0));
}

TEST_F(KillTest, LetsATaskGoThatNobodyWoke) {
  Start();
  Task* task = scheduler_->AddTask(0, [token = Token()](WakeReasons) {});
  task->Kill();
  Go();
  EXPECT_THAT(released_on_, ElementsAre(0));
}

TEST_F(KillTest, LetsATaskFinishTheRunInWhichItKillsItself) {
  Start();
  Task* task = nullptr;
  task = scheduler_->AddTask(0, [&, token = Token()](WakeReasons) {
    task->Kill();
    task->Wake();
    ran_.push_back(released_on_.empty() ? "still there" : "gone");
  });
  task->Wake();
  EXPECT_THAT(Go(), ElementsAre("still there"));
  EXPECT_THAT(released_on_, ElementsAre(0));
}

TEST_F(KillTest, LetsEachTaskGoOnceHoweverManyKillAndWakeIt) {
  Start();
  held_.Open();
  constexpr int kTasks = 2000;
  std::vector<Task*> tasks;
  for (int i = 0; i < kTasks; ++i) {
    tasks.push_back(scheduler_->AddTask(0, [token = Token()](WakeReasons) {}));
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (Task* task : tasks) {
        task->Wake();
        if (t > 0) task->Kill();
        task->Wake();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  Go();
  ASSERT_TRUE(scheduler_->Stop().ok());
  EXPECT_EQ(released_on_.size(), static_cast<size_t>(kTasks));
  EXPECT_THAT(released_on_, Each(0));
}

}  // namespace
}  // namespace pinion
