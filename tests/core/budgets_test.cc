// SPDX-License-Identifier: Apache-2.0
//
// Budgets at their edges: what is done when one ends exactly on the last of
// what waits, one before it, and twice.
#include <chrono>
#include <deque>
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
using ::testing::ElementsAre;

constexpr microseconds kLong = std::chrono::hours(1);
// What each item and each run takes, and three of them.
constexpr microseconds kTook{10};
constexpr int kThree = 3;
constexpr microseconds kTimeOfThree = kThree * kTook;

struct Job : WorkItem {};

class BudgetsTest : public ::testing::Test {
 protected:
  void Start(const WorkerOptions& options = {}) {
    scheduler_ = Scheduler::Manual({.worker = options}, time_.clock());
  }

  // How many of `count` items each run handles, of a list with that budget.
  std::vector<int> ItemsByRun(int count, const WorkBatch::Budget& budget) {
    Start();
    std::vector<int> by_run;
    WorkLists<Job>* lists =
        WorkLists<Job>::Create(*scheduler_, {.budget = budget},
                               [&](int, WorkBatch& batch) {
                                 by_run.push_back(0);
                                 while (batch.Pop<Job>()) {
                                   ++by_run.back();
                                   time_.Advance(kTook);
                                 }
                               })
            .value();
    std::deque<Job> jobs(count);
    for (Job& job : jobs) lists->Add(0, &job);
    scheduler_->RunUntilIdle(/*seed=*/1);
    EXPECT_EQ(lists->waiting(0), 0u);
    EXPECT_EQ(scheduler_->Snapshot()[0].items, static_cast<uint64_t>(count));
    EXPECT_TRUE(lists->CloseAll().empty());
    return by_run;
  }

  // In which order `count` normal tasks and a bulk one run.
  std::string RunsByClass(int count, const ClassBudget& normal) {
    Start({.normal = normal, .bulk = {.runs = 1, .time = {}}});
    std::string ran;
    for (int i = 0; i < count; ++i) {
      scheduler_
          ->AddTask(0,
                    [&](WakeReasons) {
                      ran += 'n';
                      time_.Advance(kTook);
                    })
          ->Wake();
    }
    scheduler_
        ->AddTask(0, {.task_class = TaskClass::kBulk},
                  [&](WakeReasons) { ran += 'b'; })
        ->Wake();
    scheduler_->RunUntilIdle(/*seed=*/1);
    return ran;
  }

  FakeClock time_;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(BudgetsTest, ABatchEndsExactlyWithItsItems) {
  const WorkBatch::Budget three = {.items = kThree, .time = kLong};
  EXPECT_THAT(ItemsByRun(kThree - 1, three), ElementsAre(2));
  EXPECT_THAT(ItemsByRun(kThree, three), ElementsAre(3));
  EXPECT_THAT(ItemsByRun(kThree + 1, three), ElementsAre(3, 1));
  EXPECT_THAT(ItemsByRun(2 * kThree, three), ElementsAre(3, 3));
}

TEST_F(BudgetsTest, ABatchEndsExactlyWithItsTime) {
  const WorkBatch::Budget three = {.items = 100, .time = kTimeOfThree};
  EXPECT_THAT(ItemsByRun(kThree - 1, three), ElementsAre(2));
  EXPECT_THAT(ItemsByRun(kThree, three), ElementsAre(3));
  EXPECT_THAT(ItemsByRun(kThree + 1, three), ElementsAre(3, 1));
  EXPECT_THAT(ItemsByRun(2 * kThree, three), ElementsAre(3, 3));
}

TEST_F(BudgetsTest, ABatchThatBothItsBudgetsEndIsNotRunForNothing) {
  const WorkBatch::Budget both = {.items = kThree, .time = kTimeOfThree};
  EXPECT_THAT(ItemsByRun(kThree, both), ElementsAre(3));
  EXPECT_THAT(ItemsByRun(2 * kThree, both), ElementsAre(3, 3));
}

TEST_F(BudgetsTest, ABatchWithOneMicrosecondLeftTakesOneMore) {
  const WorkBatch::Budget budget = {.items = 100,
                                    .time = kTimeOfThree + microseconds(1)};
  EXPECT_THAT(ItemsByRun(2 * kThree, budget), ElementsAre(4, 2));
}

TEST_F(BudgetsTest, TheTurnOfAClassEndsExactlyWithItsRuns) {
  const ClassBudget three = {.runs = kThree, .time = kLong};
  EXPECT_EQ(RunsByClass(kThree - 1, three), "nnb");
  EXPECT_EQ(RunsByClass(kThree, three), "nnnb");
  EXPECT_EQ(RunsByClass(kThree + 1, three), "nnnbn");
  EXPECT_EQ(RunsByClass(2 * kThree, three), "nnnbnnn");
}

TEST_F(BudgetsTest, TheTurnOfAClassEndsExactlyWithItsTime) {
  const ClassBudget three = {.runs = 100, .time = kTimeOfThree};
  EXPECT_EQ(RunsByClass(kThree - 1, three), "nnb");
  EXPECT_EQ(RunsByClass(kThree, three), "nnnb");
  EXPECT_EQ(RunsByClass(kThree + 1, three), "nnnbn");
  EXPECT_EQ(RunsByClass(2 * kThree, three), "nnnbnnn");
}

TEST_F(BudgetsTest, ARoundFiresExactlyTheTimersItMay) {
  const auto fired_by_round = [&](int count) {
    Start({.timers = kThree});
    int fired = 0;
    for (int i = 0; i < count; ++i) {
      scheduler_->AddTask(0, [&](WakeReasons) { ++fired; })->WakeAfter(kTook);
    }
    scheduler_->RunUntilIdle(/*seed=*/1);  // Which arms them.
    time_.Advance(2 * kTook);
    std::vector<int> by_round;
    for (int before = fired; scheduler_->Step(0); before = fired) {
      by_round.push_back(fired - before);
    }
    return by_round;
  };
  EXPECT_THAT(fired_by_round(kThree - 1), ElementsAre(2));
  EXPECT_THAT(fired_by_round(kThree), ElementsAre(3));
  EXPECT_THAT(fired_by_round(kThree + 1), ElementsAre(3, 1));
  EXPECT_THAT(fired_by_round(2 * kThree), ElementsAre(3, 3));
}

// However its budgets cut it, a drain ends, and nothing is left.
TEST_F(BudgetsTest, ADrainEndsWhereverTheBudgetsDo) {
  for (int count = 1; count <= 2 * kThree + 1; ++count) {
    for (size_t items = 1; items <= 2 * kThree + 1; ++items) {
      Start({.normal = {.runs = 1, .time = {}}});
      int handled = 0;
      WorkLists<Job>* lists =
          WorkLists<Job>::Create(*scheduler_,
                                 {.budget = {.items = items, .time = kLong}},
                                 [&](int, WorkBatch& batch) {
                                   while (batch.Pop<Job>()) ++handled;
                                 })
              .value();
      std::deque<Job> jobs(count);
      for (Job& job : jobs) lists->Add(0, &job);
      EXPECT_TRUE(scheduler_->Drain(kLong).ok());
      EXPECT_EQ(handled, count) << "with " << items << " items in a batch";
      EXPECT_TRUE(lists->CloseAll().empty());
    }
  }
}

}  // namespace
}  // namespace pinion
