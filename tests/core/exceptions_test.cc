// SPDX-License-Identifier: Apache-2.0
//
// An exception out of what a worker runs stops the program, and says whose it
// was. Built without exceptions there is nothing to test.
#include <chrono>
#include <memory>
#include <stdexcept>
#include <vector>

#include "absl/base/config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_lists.h"

#ifdef ABSL_HAVE_EXCEPTIONS

namespace pinion {
namespace {

using ::testing::ElementsAre;

constexpr std::chrono::minutes kLong{1};

struct Job : WorkItem {
  explicit Job(int number) : number(number) {}
  const int number;
};

[[noreturn]] void Throw() { throw std::runtime_error("out of cheese"); }

class ExceptionsDeathTest : public ::testing::Test {
 protected:
  ExceptionsDeathTest() {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  }

  FakeClock time_;
  std::unique_ptr<Scheduler> scheduler_ = Scheduler::Manual({}, time_.clock());
};

TEST_F(ExceptionsDeathTest, OutOfATaskStopsTheProgramAndNamesTheTask) {
  scheduler_->AddTask(0, {.name = "jobs"}, [](WakeReasons) { Throw(); })
      ->Wake();
  EXPECT_DEATH(scheduler_->Step(0),
               "task jobs threw an exception: out of cheese; catch it there");
}

TEST_F(ExceptionsDeathTest, OutOfATaskWithoutANameStopsTheProgramToo) {
  scheduler_->AddTask(0, [](WakeReasons) { throw 7; })->Wake();
  EXPECT_DEATH(scheduler_->Step(0),
               "a task threw something that is not a std::exception");
}

TEST_F(ExceptionsDeathTest, OutOfAWorkersThreadDoesTheSame) {
  EXPECT_DEATH(
      {
        auto scheduler = Scheduler::Start({.workers = 1}).value();
        scheduler->AddTask(0, {.name = "jobs"}, [](WakeReasons) { Throw(); })
            ->Wake();
        scheduler->Drain(kLong).IgnoreError();
      },
      "task jobs threw an exception: out of cheese");
}

TEST_F(ExceptionsDeathTest, OutOfTheFunctionOfListsNamesTheLists) {
  auto* lists = WorkLists<Job>::Create(*scheduler_, {.name = "shop"},
                                       [](int, WorkBatch&) { Throw(); })
                    .value();
  Job job(1);
  lists->Add(0, &job);
  EXPECT_DEATH(scheduler_->Step(0), "task shop threw an exception");
  lists->CloseAll().Pop();
}

TEST_F(ExceptionsDeathTest, OutOfAHandBackStopsTheProgram) {
  EXPECT_DEATH(
      {
        auto* lists = WorkLists<Job>::Create(
                          *scheduler_, {}, [](int, WorkBatch&) {},
                          [](int, WorkChain items) {
                            while (items.Pop() != nullptr) {
                            }
                            Throw();
                          })
                          .value();
        Job job(1);
        lists->Add(0, &job);
        scheduler_->Stop(kLong).IgnoreError();
      },
      "a hand-back of worker 0 threw an exception: out of cheese");
}

TEST(ExceptionsTest, CaughtWithinAFunctionLoseNothingOfItsBatch) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  std::vector<int> handled, failed;
  auto* lists =
      WorkLists<Job>::Create(*scheduler, {}, [&](int, WorkBatch& batch) {
        const Job* job = batch.Pop<Job>();
        try {
          if (job->number == 2) Throw();
          handled.push_back(job->number);
        } catch (const std::runtime_error&) {
          failed.push_back(job->number);
        }
      }).value();
  Job one(1), two(2), three(3);
  for (Job* job : {&one, &two, &three}) lists->Add(0, job);
  scheduler->RunUntilIdle(/*seed=*/1);
  EXPECT_THAT(handled, ElementsAre(1, 3));
  EXPECT_THAT(failed, ElementsAre(2));
}

}  // namespace
}  // namespace pinion

#endif  // ABSL_HAVE_EXCEPTIONS
