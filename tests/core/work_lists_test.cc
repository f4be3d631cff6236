// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/work_lists.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_item.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::chrono::minutes kLong{1};

struct Job : WorkItem {
  Job(int producer, int number) : producer(producer), number(number) {}
  const int producer;
  const int number;
};

TEST(WorkListsTest, HandlesEachItemOnceOnItsWorkerInOrderUnderManyProducers) {
  constexpr int kProducers = 4;
  constexpr int kEach = 50000;
  auto scheduler = Scheduler::Start({.workers = 2}).value();
  const int workers = scheduler->worker_count();
  // What a worker saw; touched by it alone, so it needs no lock.
  struct Seen {
    std::vector<int> last = std::vector<int>(kProducers, -1);
    bool in_order = true;
    bool on_its_worker = true;
  };
  std::vector<Seen> seen(workers);
  std::atomic<int> handled{0};
  Gate all;
  WorkLists<Job>* lists =
      WorkLists<Job>::Create(*scheduler, {.capacity = 512},
                             [&](int worker, WorkBatch& jobs) {
                               Seen& mine = seen[worker];
                               mine.on_its_worker &=
                                   Scheduler::CurrentWorker() == worker;
                               while (Job* job = jobs.Pop<Job>()) {
                                 int& last = mine.last[job->producer];
                                 mine.in_order &= job->number > last;
                                 last = job->number;
                                 delete job;  // Before Add() may have returned.
                                 if (++handled == kProducers * kEach) {
                                   all.Open();
                                 }
                               }
                             })
          .value();
  std::vector<std::thread> producers;
  for (int p = 0; p < kProducers; ++p) {
    producers.emplace_back([&, p] {
      for (int i = 0; i < kEach; ++i) {
        Job* job = new Job(p, i);
        while (!Accepted(lists->Add(i % workers, job))) {
          std::this_thread::yield();  // Full.
        }
      }
    });
  }
  for (auto& producer : producers) producer.join();
  all.Pass();
  ASSERT_TRUE(scheduler->Drain(kLong).ok());
  for (const Seen& worker : seen) {
    EXPECT_TRUE(worker.in_order);
    EXPECT_TRUE(worker.on_its_worker);
  }
}

TEST(WorkListsTest, RefusesWhatIsOverItsCapacityWhileTheWorkerIsHeld) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  Gate held;
  std::atomic<int> handled{0};
  WorkLists<Job>* lists = WorkLists<Job>::Create(*scheduler, {.capacity = 2},
                                                 [&](int, WorkBatch& jobs) {
                                                   held.Pass();
                                                   while (jobs.Pop<Job>()) {
                                                     ++handled;
                                                   }
                                                 })
                              .value();
  Job taken(0, 0), one(0, 1), two(0, 2), over(0, 3);
  lists->Add(0, &taken);
  held.AwaitArrivals(1);
  EXPECT_TRUE(Accepted(lists->Add(0, &one)));
  EXPECT_TRUE(Accepted(lists->Add(0, &two)));
  EXPECT_EQ(lists->Add(0, &over), Appended::kFull);
  EXPECT_EQ(lists->waiting(0), 2u);
  held.Open();
  ASSERT_TRUE(scheduler->Drain(kLong).ok());
  EXPECT_EQ(handled, 3);
}

TEST(WorkListsTest, RunsAgainForWhatItsBudgetLeft) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  Gate held, all;
  std::vector<int> sizes, order;
  WorkLists<Job>* lists =
      WorkLists<Job>::Create(
          *scheduler,
          {.capacity = 100,
           .budget = {.items = 10, .time = std::chrono::hours(1)}},
          [&](int, WorkBatch& jobs) {
            held.Pass();
            sizes.push_back(static_cast<int>(jobs.size()));
            while (Job* job = jobs.Pop<Job>()) order.push_back(job->number);
            if (order.size() == 26) all.Open();
          })
          .value();
  std::deque<Job> jobs;
  for (int i = 0; i < 26; ++i) {
    jobs.emplace_back(0, i);
    lists->Add(0, &jobs.back());
    if (i == 0) held.AwaitArrivals(1);
  }
  held.Open();
  all.Pass();
  ASSERT_TRUE(scheduler->Drain(kLong).ok());
  EXPECT_THAT(sizes, ElementsAre(1, 10, 10, 5));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(WorkListsTest, EndsABatchWhenItsTimeIsUpAfterOneItemAtLeast) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  Gate held, all;
  std::vector<int> handled;
  WorkLists<Job>* lists =
      WorkLists<Job>::Create(
          *scheduler, {.capacity = 100, .budget = {.items = 10, .time = {}}},
          [&](int, WorkBatch& jobs) {
            held.Pass();
            int count = 0;
            while (jobs.Pop<Job>() != nullptr) ++count;
            handled.push_back(count);
            if (handled.size() == 4) all.Open();
          })
          .value();
  Job one(0, 1), two(0, 2), three(0, 3), four(0, 4);
  lists->Add(0, &one);
  held.AwaitArrivals(1);
  for (Job* job : {&two, &three, &four}) lists->Add(0, job);
  held.Open();
  all.Pass();
  EXPECT_THAT(handled, ElementsAre(1, 1, 1, 1));
}

TEST(WorkListsTest, EndsABatchForAnUrgentTaskAfterTheItemThatRuns) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  Gate at_first, all;
  std::vector<std::string> ran;
  WorkLists<Job>* lists =
      WorkLists<Job>::Create(*scheduler, {.capacity = 100},
                             [&](int, WorkBatch& jobs) {
                               while (Job* job = jobs.Pop<Job>()) {
                                 if (job->number == 1) at_first.Pass();
                                 ran.push_back(std::to_string(job->number));
                                 if (job->number == 3) all.Open();
                               }
                             })
          .value();
  Task* urgent =
      scheduler->AddTask(0, {.task_class = TaskClass::kUrgent},
                         [&](WakeReasons) { ran.push_back("urgent"); });
  Job zero(0, 0), one(0, 1), two(0, 2), three(0, 3);
  Gate holding;
  Task* holder = scheduler->AddTask(0, [&](WakeReasons) { holding.Pass(); });
  holder->Wake();
  holding.AwaitArrivals(1);
  for (Job* job : {&zero, &one, &two, &three}) lists->Add(0, job);
  holding.Open();
  at_first.AwaitArrivals(1);
  urgent->Wake();
  at_first.Open();
  all.Pass();
  ASSERT_TRUE(scheduler->Drain(kLong).ok());
  EXPECT_THAT(ran, ElementsAre("0", "1", "urgent", "2", "3"));
}

TEST(WorkListsTest, HandlesInADrainAllThatABatchHadLeft) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  Gate held;
  int handled = 0;
  WorkLists<Job>* lists =
      WorkLists<Job>::Create(
          *scheduler,
          {.capacity = 100,
           .budget = {.items = 1, .time = std::chrono::hours(1)}},
          [&](int, WorkBatch& jobs) {
            held.Pass();
            while (jobs.Pop<Job>() != nullptr) ++handled;
          })
          .value();
  std::deque<Job> jobs;
  for (int i = 0; i < 50; ++i) lists->Add(0, &jobs.emplace_back(0, i));
  held.AwaitArrivals(1);
  held.Open();
  ASSERT_TRUE(scheduler->Drain(kLong).ok());
  EXPECT_EQ(handled, 50);
}

TEST(WorkListsTest, HandsBackWhatWaitedWhenAListCloses) {
  Job taken(0, 0), waiting(0, 1), late(0, 2);  // They outlive the worker.
  Gate held;
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  WorkLists<Job>* lists = WorkLists<Job>::Create(*scheduler, {.capacity = 8},
                                                 [&](int, WorkBatch& jobs) {
                                                   held.Pass();
                                                   while (jobs.Pop<Job>()) {
                                                   }
                                                 })
                              .value();
  lists->Add(0, &taken);
  held.AwaitArrivals(1);
  lists->Add(0, &waiting);
  WorkChain handed_back = lists->Close(0);
  EXPECT_EQ(handed_back.Pop<Job>(), &waiting);
  EXPECT_TRUE(handed_back.empty());
  EXPECT_EQ(lists->Add(0, &late), Appended::kClosed);
  held.Open();
}

TEST(WorkListsTest, HandsBackAlsoWhatABatchHasLeftWhenItsOwnHandlerCloses) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  WorkLists<Job>* lists = nullptr;
  std::vector<int> handled, handed_back;
  lists =
      WorkLists<Job>::Create(*scheduler, {}, [&](int worker, WorkBatch& batch) {
        while (Job* job = batch.Pop<Job>()) {
          handled.push_back(job->number);
          WorkChain items = lists->Close(worker);
          while (Job* left = items.Pop<Job>()) {
            handed_back.push_back(left->number);
          }
        }
      }).value();
  Job one(0, 1), two(0, 2), three(0, 3);
  for (Job* job : {&one, &two, &three}) lists->Add(0, job);
  scheduler->RunUntilIdle(1);
  EXPECT_THAT(handled, ElementsAre(1));
  EXPECT_THAT(handed_back, ElementsAre(2, 3));
  EXPECT_EQ(scheduler->Snapshot()[0].items, 1u);
}

TEST(WorkListsTest, AddsAChainWholeOrNotAtAll) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({.workers = 2}, time.clock());
  std::vector<int> handled;
  WorkLists<Job>* lists =
      WorkLists<Job>::Create(*scheduler, {.capacity = 3},
                             [&](int, WorkBatch& batch) {
                               while (Job* job = batch.Pop<Job>()) {
                                 handled.push_back(job->number);
                               }
                             })
          .value();
  Job one(0, 1), two(0, 2), three(0, 3), four(0, 4);
  WorkChain chain;
  chain.Push(&one);
  chain.Push(&two);
  EXPECT_EQ(lists->Add(1, chain), Appended::kFirst);
  EXPECT_TRUE(chain.empty());
  chain.Push(&three);
  chain.Push(&four);
  EXPECT_EQ(lists->Add(1, chain), Appended::kFull);
  EXPECT_EQ(chain.size(), 2u);
  scheduler->RunUntilIdle(1);
  EXPECT_EQ(lists->Add(1, chain), Appended::kFirst);
  scheduler->RunUntilIdle(1);
  EXPECT_THAT(handled, ElementsAre(1, 2, 3, 4));
}

// Each item is handled, handed back or refused, whoever closes when.
TEST(WorkListsTest, LosesNothingBetweenManyWhoAddAndManyWhoClose) {
  constexpr int kProducers = 3;
  constexpr int kEach = 2000;
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> handled{0}, handed_back{0}, refused{0}, full{0};
    auto scheduler = Scheduler::Start({.workers = 1}).value();
    WorkLists<Job>* lists =
        WorkLists<Job>::Create(*scheduler, {.capacity = 100},
                               [&](int, WorkBatch& batch) {
                                 while (batch.Pop<Job>()) ++handled;
                               })
            .value();
    std::deque<Job> jobs;
    for (int i = 0; i < kProducers * kEach; ++i) jobs.emplace_back(0, i);
    std::vector<std::thread> threads;
    for (int p = 0; p < kProducers; ++p) {
      threads.emplace_back([&, p] {
        for (int i = 0; i < kEach; ++i) {
          switch (lists->Add(0, &jobs[p * kEach + i])) {
            case Appended::kFull:
              ++full;
              break;
            case Appended::kClosed:
              ++refused;
              break;
            default:
              break;
          }
        }
      });
    }
    for (int c = 0; c < 2; ++c) {
      threads.emplace_back([&] {
        while (handled < round * 100 && full + handled < kEach) {
          std::this_thread::yield();
        }
        WorkChain items = lists->Close(0);
        while (items.Pop() != nullptr) ++handed_back;
      });
    }
    for (auto& thread : threads) thread.join();
    ASSERT_TRUE(scheduler->Stop(kLong).ok());
    WorkChain left = lists->Close(0);
    while (left.Pop() != nullptr) ++handed_back;
    EXPECT_EQ(handled + handed_back + refused + full, kProducers * kEach);
  }
}

TEST(WorkListsTest, RefusesACapacityItCannotCount) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  for (size_t capacity : {size_t{0}, WorkList::kMaxCapacity + 1}) {
    const auto lists = WorkLists<Job>::Create(
        *scheduler, {.capacity = capacity}, [](int, WorkBatch&) {});
    EXPECT_EQ(lists.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(lists.status().message()),
                HasSubstr(std::to_string(capacity)));
  }
}

// With none, its task would run for ever and handle nothing.
TEST(WorkListsTest, RefusesABudgetThatNoItemFits) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  const auto create = [&](const WorkBatch::Budget& budget) {
    return WorkLists<Job>::Create(*scheduler, {.budget = budget},
                                  [](int, WorkBatch&) {})
        .status();
  };
  const absl::Status no_items = create({.items = 0});
  EXPECT_EQ(no_items.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(no_items.message()),
              HasSubstr("a budget of 0 items and 500 us"));
  const absl::Status time_before =
      create({.time = std::chrono::microseconds(-1)});
  EXPECT_EQ(time_before.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(time_before.message()), HasSubstr("-1 us"));
  EXPECT_TRUE(create({.items = 1, .time = {}}).ok());
}

TEST(WorkListsDeathTest, StopsTheProgramThatNamesAWorkerThatIsNotThere) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        auto scheduler = Scheduler::Start({.workers = 1}).value();
        auto lists = WorkLists<Job>::Create(*scheduler, {.capacity = 8},
                                            [](int, WorkBatch&) {});
        Job job(0, 0);
        (*lists)->Add(1, &job);
      },
      "there is no worker 1");
}

}  // namespace
}  // namespace pinion
