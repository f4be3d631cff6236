// SPDX-License-Identifier: Apache-2.0
//
// Urgent means urgent: such a task goes before all others, each time it is
// woken, and yet the others have their share.
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_lists.h"

namespace pinion {
namespace {

using ::std::chrono::microseconds;
using ::testing::Each;
using ::testing::ElementsAre;

constexpr microseconds kLong = std::chrono::hours(1);

struct Job : WorkItem {
  explicit Job(std::string name) : name(std::move(name)) {}
  const std::string name;
};

// One worker, stepped by hand, with an urgent task; what ran, in order.
class UrgentTest : public ::testing::Test {
 protected:
  void Start(const WorkerOptions& options = {}) {
    scheduler_ = Scheduler::Manual({.worker = options}, time_.clock());
    urgent_ = Noting(TaskClass::kUrgent, "urgent");
  }

  // A task that notes its name, and then does `deed`.
  Task* Noting(
      TaskClass task_class, const std::string& name,
      std::function<void()> deed = [] {}) {
    return scheduler_->AddTask(0, {.task_class = task_class},
                               [this, name, deed](WakeReasons) {
                                 ran_.push_back(name);
                                 deed();
                               });
  }

  // Items that note their names, and the first of which wakes the urgent task.
  WorkLists<Job>* MakeLists(TaskClass task_class) {
    return WorkLists<Job>::Create(*scheduler_, {.task_class = task_class},
                                  [this](int, WorkBatch& batch) {
                                    while (Job* job = batch.Pop<Job>()) {
                                      ran_.push_back(job->name);
                                      if (job->name == "1") urgent_->Wake();
                                    }
                                  })
        .value();
  }

  const std::vector<std::string>& Go() {
    scheduler_->RunUntilIdle(/*seed=*/1);
    return ran_;
  }

  FakeClock time_;
  std::unique_ptr<Scheduler> scheduler_;
  Task* urgent_ = nullptr;
  std::vector<std::string> ran_;
};

TEST_F(UrgentTest, ASecondWakeWithinARoundRunsBeforeNormalAndBulkTasks) {
  Start();
  urgent_->Wake();
  Noting(TaskClass::kNormal, "normal 1", [&] { urgent_->Wake(); })->Wake();
  Noting(TaskClass::kNormal, "normal 2")->Wake();
  Noting(TaskClass::kBulk, "bulk")->Wake();
  EXPECT_THAT(Go(),
              ElementsAre("urgent", "normal 1", "urgent", "normal 2", "bulk"));
}

TEST_F(UrgentTest, ABulkRunThatWakesAnUrgentTaskIsFollowedByIt) {
  Start();
  urgent_->Wake();
  for (const char* name : {"a", "b", "c"}) {
    Noting(TaskClass::kBulk, name, [&] { urgent_->Wake(); })->Wake();
  }
  EXPECT_THAT(
      Go(), ElementsAre("urgent", "a", "urgent", "b", "urgent", "c", "urgent"));
}

TEST_F(UrgentTest, ABatchEndsForATaskThatHasRunInTheRound) {
  for (const TaskClass task_class : {TaskClass::kNormal, TaskClass::kBulk}) {
    ran_.clear();
    Start();
    WorkLists<Job>* lists = MakeLists(task_class);
    Job zero("0"), one("1"), two("2"), three("3");
    for (Job* job : {&zero, &one, &two, &three}) lists->Add(0, job);
    urgent_->Wake();
    EXPECT_THAT(Go(), ElementsAre("urgent", "0", "1", "urgent", "2", "3"));
  }
}

TEST_F(UrgentTest, EachTaskRunsOnceAtMostBetweenTwoOfTheOthers) {
  Start();
  int left = 6;
  Task* again[2];
  for (Task*& task : again) {
    task = Noting(TaskClass::kUrgent, &task == &again[0] ? "a" : "b", [&] {
      if (--left > 0) task->Wake();
    });
    task->Wake();
  }
  for (const char* name : {"1", "2"}) Noting(TaskClass::kNormal, name)->Wake();
  EXPECT_THAT(Go(), ElementsAre("a", "b", "1", "a", "b", "2", "a", "b", "a"));
}

TEST_F(UrgentTest, ATaskTooFarAheadRunsOnceARoundUntilTheOthersCaughtUp) {
  Start({.urgent_lead = microseconds(10)});
  Task* costly = nullptr;
  int left = 4;
  costly = Noting(TaskClass::kUrgent, "costly", [&] {
    time_.Advance(microseconds(6));
    if (--left > 0) costly->Wake();
  });
  costly->Wake();
  for (const char* name : {"1", "2", "3", "4", "5"}) {
    Noting(TaskClass::kNormal, name, [&] {
      time_.Advance(microseconds(1));
    })->Wake();
  }
  // After "1" it is 5 us ahead, then 11; and after "5" 7, in a new round.
  EXPECT_THAT(Go(), ElementsAre("costly", "1", "costly", "2", "3", "4", "5",
                                "costly", "costly"));
}

TEST_F(UrgentTest, WhatTookTimeWhileNobodyWaitedIsNotTooFarAhead) {
  Start({.urgent_lead = microseconds(10)});
  Task* costly = Noting(TaskClass::kUrgent, "costly",
                        [&] { time_.Advance(microseconds(100)); });
  costly->Wake();
  Go();
  ran_.clear();
  urgent_->Wake();
  for (const char* name : {"1", "2"}) {
    Noting(TaskClass::kNormal, name, [&] { urgent_->Wake(); })->Wake();
  }
  EXPECT_THAT(Go(), ElementsAre("urgent", "1", "urgent", "2", "urgent"));
}

TEST_F(UrgentTest, WithoutALeadEachTaskRunsOnceARound) {
  Start({.urgent_lead = microseconds(0)});
  urgent_->Wake();
  for (const char* name : {"1", "2"}) {
    Noting(TaskClass::kNormal, name, [&] { urgent_->Wake(); })->Wake();
  }
  Noting(TaskClass::kBulk, "bulk")->Wake();
  EXPECT_THAT(Go(), ElementsAre("urgent", "1", "2", "bulk", "urgent"));
}

// Lists of each class that are never empty, and whose items take 10 us.
TEST_F(UrgentTest, AFloodOfEachClassGetsItsShareOfTheTime) {
  Start();
  bool over = false;
  std::vector<int> handled(kTaskClasses);
  std::vector<std::unique_ptr<Job>> jobs;
  std::vector<WorkLists<Job>*> floods(kTaskClasses);
  for (int c = 0; c < kTaskClasses; ++c) {
    floods[c] = WorkLists<Job>::Create(
                    *scheduler_, {.task_class = static_cast<TaskClass>(c)},
                    [&, c](int, WorkBatch& batch) {
                      while (Job* job = batch.Pop<Job>()) {
                        time_.Advance(microseconds(10));
                        ++handled[c];
                        if (!over) floods[c]->Add(0, job);
                      }
                    })
                    .value();
    for (int i = 0; i < 100; ++i) {
      floods[c]->Add(0, jobs.emplace_back(std::make_unique<Job>("")).get());
    }
  }
  while (handled[0] + handled[1] + handled[2] < 100'000) scheduler_->Step(0);
  const int others = handled[1] + handled[2];
  EXPECT_GE(handled[0], 48'000) << "urgent got less than it may";
  EXPECT_GE(others, 48'000) << "urgent took more than half";
  EXPECT_GE(handled[1], others / 4);
  EXPECT_GE(handled[2], others / 4);
  over = true;
  EXPECT_TRUE(scheduler_->Drain(kLong).ok());
}

TEST_F(UrgentTest, ANormalTaskWokenInTheTurnOfBulkWaitsForTheRestOfIt) {
  Start({.normal = {.runs = 1, .time = kLong},
         .bulk = {.runs = 2, .time = kLong}});
  Task* normal = Noting(TaskClass::kNormal, "normal");
  normal->Wake();
  Noting(TaskClass::kBulk, "a", [&] { normal->Wake(); })->Wake();
  for (const char* name : {"b", "c"}) Noting(TaskClass::kBulk, name)->Wake();
  EXPECT_THAT(Go(), ElementsAre("normal", "a", "b", "normal", "c"));
}

}  // namespace
}  // namespace pinion
