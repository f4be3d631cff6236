// SPDX-License-Identifier: Apache-2.0
//
// Arrays of work lists as small and as large as they come: nothing in them
// counts workers in the bits of a word.
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

namespace pinion {
namespace {

using ::testing::Each;

constexpr std::chrono::minutes kLong{1};

struct Job : WorkItem {
  explicit Job(int worker) : worker(worker) {}
  const int worker;
};

// An item for each worker, added to all before any runs.
struct ItemForEach {
  explicit ItemForEach(Scheduler& scheduler)
      : handled(scheduler.worker_count()),
        lists(WorkLists<Job>::Create(scheduler, {.capacity = 1},
                                     [this](int worker, WorkBatch& batch) {
                                       while (Job* job = batch.Pop<Job>()) {
                                         Handle(worker, *job);
                                       }
                                     })
                  .value()) {
    for (int i = 0; i < scheduler.worker_count(); ++i) {
      EXPECT_TRUE(Accepted(lists->Add(i, &jobs.emplace_back(i))));
    }
  }

  void Handle(int worker, const Job& job) {
    if (worker != job.worker || Scheduler::CurrentWorker() != worker) {
      astray = true;
    }
    ++handled[worker];
  }

  std::deque<Job> jobs;
  std::atomic<bool> astray{false};
  std::vector<int> handled;  // Each worker writes its own.
  WorkLists<Job>* const lists;
};

class ManyWorkersTest : public ::testing::TestWithParam<int> {};

TEST_P(ManyWorkersTest, EachHandlesWhatWasAddedToItAndNothingElse) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({.workers = GetParam()}, time.clock());
  const ItemForEach all(*scheduler);
  scheduler->RunUntilIdle(/*seed=*/1);
  EXPECT_FALSE(all.astray);
  EXPECT_THAT(all.handled, Each(1));
  EXPECT_EQ(all.handled.size(), static_cast<size_t>(GetParam()));
}

TEST_P(ManyWorkersTest, AStopHandsBackWhatWaitedForEach) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({.workers = GetParam()}, time.clock());
  const ItemForEach all(*scheduler);
  ASSERT_TRUE(scheduler->Stop(kLong).ok());
  WorkChain left = all.lists->CloseAll();
  EXPECT_EQ(left.size(), static_cast<size_t>(GetParam()));
  for (int i = 0; Job* job = left.Pop<Job>(); ++i) EXPECT_EQ(job->worker, i);
  EXPECT_THAT(all.handled, Each(0));
}

INSTANTIATE_TEST_SUITE_P(Workers, ManyWorkersTest,
                         ::testing::Values(1, 64, 65, 1000));

class ManyThreadsTest : public ::testing::TestWithParam<int> {};

TEST_P(ManyThreadsTest, EachHandlesWhatWasAddedToItAndNothingElse) {
  auto scheduler =
      Scheduler::Start({.workers = GetParam(), .cpu_policy = CpuPolicy::kFloat})
          .value();
  const ItemForEach all(*scheduler);
  ASSERT_TRUE(scheduler->Drain(kLong).ok());
  EXPECT_FALSE(all.astray);
  EXPECT_THAT(all.handled, Each(1));
}

INSTANTIATE_TEST_SUITE_P(Workers, ManyThreadsTest, ::testing::Values(64, 65));

TEST(ManyWorkersDeathTest, TheWorkerAfterTheLastIsNotThere) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  FakeClock time;
  for (const int workers : {64, 65, 1000}) {
    auto scheduler = Scheduler::Manual({.workers = workers}, time.clock());
    auto* lists =
        WorkLists<Job>::Create(*scheduler, {}, [](int, WorkBatch&) {}).value();
    Job job(0);
    EXPECT_DEATH(lists->Add(workers, &job), "there is no worker");
    EXPECT_DEATH(lists->Add(-1, &job), "there is no worker -1");
  }
}

// Of no workers there is no scheduler, so there are no lists either.
TEST(NoWorkersDeathTest, ThereIsNoArrayOfNone) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  FakeClock time;
  EXPECT_DEATH(Scheduler::Manual({.workers = 0}, time.clock()),
               "a manual scheduler of 0 workers; it needs one or more");
}

TEST(NoWorkersTest, NoneAskedForIsAsManyAsTheMachineSuggests) {
  auto scheduler = Scheduler::Start({.workers = 0}).value();
  EXPECT_GE(scheduler->worker_count(), 1);
  const ItemForEach all(*scheduler);
  ASSERT_TRUE(scheduler->Drain(kLong).ok());
  EXPECT_THAT(all.handled, Each(1));
}

}  // namespace
}  // namespace pinion
