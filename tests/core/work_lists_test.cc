// SPDX-License-Identifier: Apache-2.0
#include "core/work_lists.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "core/scheduler.h"
#include "core/work_item.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::testing::HasSubstr;

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
      WorkLists<Job>::Create(*scheduler, 512, [&](int worker, WorkChain jobs) {
        Seen& mine = seen[worker];
        mine.on_its_worker &= Scheduler::CurrentWorker() == worker;
        while (Job* job = jobs.Pop<Job>()) {
          int& last = mine.last[job->producer];
          mine.in_order &= job->number > last;
          last = job->number;
          delete job;  // Before Add() may have returned.
          if (++handled == kProducers * kEach) {
            all.Open();
          }
        }
      }).value();
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
  ASSERT_TRUE(scheduler->Stop().ok());
  for (const Seen& worker : seen) {
    EXPECT_TRUE(worker.in_order);
    EXPECT_TRUE(worker.on_its_worker);
  }
}

TEST(WorkListsTest, RefusesWhatIsOverItsCapacityWhileTheWorkerIsHeld) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  Gate held;
  std::atomic<int> handled{0};
  WorkLists<Job>* lists =
      WorkLists<Job>::Create(*scheduler, 2, [&](int, WorkChain jobs) {
        held.Pass();
        while (jobs.Pop<Job>()) {
          ++handled;
        }
      }).value();
  Job taken(0, 0), one(0, 1), two(0, 2), over(0, 3);
  lists->Add(0, &taken);
  held.AwaitArrivals(1);
  EXPECT_TRUE(Accepted(lists->Add(0, &one)));
  EXPECT_TRUE(Accepted(lists->Add(0, &two)));
  EXPECT_EQ(lists->Add(0, &over), Appended::kFull);
  EXPECT_EQ(lists->waiting(0), 2u);
  held.Open();
  ASSERT_TRUE(scheduler->Stop().ok());
  EXPECT_EQ(handled, 3);
}

TEST(WorkListsTest, HandsBackWhatWaitedWhenAListCloses) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  Gate held;
  WorkLists<Job>* lists =
      WorkLists<Job>::Create(*scheduler, 8, [&](int, WorkChain jobs) {
        held.Pass();
        while (jobs.Pop<Job>()) {
        }
      }).value();
  Job taken(0, 0), waiting(0, 1), late(0, 2);
  lists->Add(0, &taken);
  held.AwaitArrivals(1);
  lists->Add(0, &waiting);
  WorkChain handed_back = lists->Close(0);
  EXPECT_EQ(handed_back.Pop<Job>(), &waiting);
  EXPECT_TRUE(handed_back.empty());
  EXPECT_EQ(lists->Add(0, &late), Appended::kClosed);
  held.Open();
}

TEST(WorkListsTest, RefusesACapacityItCannotCount) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  for (size_t capacity : {size_t{0}, WorkList::kMaxCapacity + 1}) {
    const auto lists =
        WorkLists<Job>::Create(*scheduler, capacity, [](int, WorkChain) {});
    EXPECT_EQ(lists.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(lists.status().message()),
                HasSubstr(std::to_string(capacity)));
  }
}

TEST(WorkListsDeathTest, StopsTheProgramThatNamesAWorkerThatIsNotThere) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        auto scheduler = Scheduler::Start({.workers = 1}).value();
        auto lists =
            WorkLists<Job>::Create(*scheduler, 8, [](int, WorkChain) {});
        Job job(0, 0);
        (*lists)->Add(1, &job);
      },
      "there is no worker 1");
}

}  // namespace
}  // namespace pinion
