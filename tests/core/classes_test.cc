// SPDX-License-Identifier: Apache-2.0
//
// In which order a worker serves its tasks, and how tasks are killed.
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"

namespace pinion {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr std::chrono::microseconds kLong = std::chrono::hours(1);

// One worker, stepped by hand; what its tasks did, in order.
class ClassesTest : public ::testing::Test {
 protected:
  void Start(const WorkerOptions& options = {}) {
    scheduler_ = Scheduler::Manual({.worker = options}, time_.clock());
  }

  // A task that notes its name `runs` times, waking itself in between. Each run
  // takes `took`.
  Task* Noting(TaskClass task_class, const std::string& name, int runs = 1,
               std::chrono::nanoseconds took = {}) {
    tasks_.push_back(nullptr);
    const size_t index = tasks_.size() - 1;
    Task* task = scheduler_->AddTask(
        0, {.task_class = task_class},
        [this, name, index, took, left = runs](WakeReasons) mutable {
          ran_.push_back(name);
          time_.Advance(took);
          if (--left > 0) tasks_[index]->Wake();
        });
    tasks_[index] = task;
    return task;
  }

  // Has the worker run all there is.
  const std::vector<std::string>& Go() {
    scheduler_->RunUntilIdle(/*seed=*/1);
    return ran_;
  }

  FakeClock time_;
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<Task*> tasks_;
  std::vector<std::string> ran_;
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
  constexpr std::chrono::microseconds kTurn{100};
  Start({.normal = {.runs = 100, .time = kTurn},
         .bulk = {.runs = 1, .time = {}}});
  Noting(TaskClass::kNormal, "1", 1, kTurn - std::chrono::nanoseconds(1))
      ->Wake();
  Noting(TaskClass::kNormal, "2", 1, kTurn * 10)->Wake();
  Noting(TaskClass::kNormal, "3")->Wake();
  for (const char* name : {"a", "b"}) Noting(TaskClass::kBulk, name)->Wake();
  EXPECT_THAT(Go(), ElementsAre("1", "2", "a", "3", "b"));
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
         .bulk = {.runs = 1, .time = kLong}});
  Noting(TaskClass::kNormal, "n", 3)->Wake();
  Noting(TaskClass::kNormal, "n", 3)->Wake();
  Noting(TaskClass::kBulk, "bulk", 3)->Wake();
  EXPECT_THAT(
      Go(), ElementsAre("n", "bulk", "n", "bulk", "n", "bulk", "n", "n", "n"));
}

TEST_F(ClassesTest, CountsRunsAndTheTimeTheyTookAndWaited) {
  Start();
  std::thread foreign([&] {
    Noting(TaskClass::kNormal, "one", 2, std::chrono::nanoseconds(200))->Wake();
  });
  foreign.join();
  time_.Advance(std::chrono::nanoseconds(3000));
  Go();
  const TaskStats stats = tasks_.back()->stats();
  EXPECT_EQ(stats.runs, 2u);
  EXPECT_EQ(stats.run_ns, 400u);
  EXPECT_EQ(stats.waited_ns, 3000u);
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
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  constexpr int kTasks = 2000;
  std::vector<Task*> tasks;
  for (int i = 0; i < kTasks; ++i) {
    tasks.push_back(scheduler->AddTask(0, [token = Token()](WakeReasons) {}));
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
  ASSERT_TRUE(scheduler->Drain(std::chrono::minutes(1)).ok());
  EXPECT_EQ(released_on_.size(), static_cast<size_t>(kTasks));
  EXPECT_THAT(released_on_, Each(0));
}

}  // namespace
}  // namespace pinion
