// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/work_list.h"

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/work_item.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Job : WorkItem {
  explicit Job(int number, int producer = 0)
      : number(number), producer(producer) {}
  int number;
  int producer;
};

std::vector<int> Numbers(WorkChain chain) {
  std::vector<int> numbers;
  while (Job* job = chain.Pop<Job>()) numbers.push_back(job->number);
  return numbers;
}

TEST(WorkListTest, HandsOutItemsOldestFirst) {
  WorkList list(8);
  Job one(1), two(2), three(3);
  list.Append(&one);
  list.Append(&two);
  list.Append(&three);
  EXPECT_THAT(Numbers(list.TakeAll()), ElementsAre(1, 2, 3));
}

TEST(WorkListTest, TellsOnlyTheFirstAppenderToWakeTheTask) {
  WorkList list(8);
  Job one(1), two(2);
  EXPECT_EQ(list.Append(&one), Appended::kFirst);
  EXPECT_EQ(list.Append(&two), Appended::kBehind);
  EXPECT_THAT(Numbers(list.TakeAll()), ElementsAre(1, 2));
  EXPECT_EQ(list.Append(&one), Appended::kFirst);
  EXPECT_THAT(Numbers(list.TakeAll()), ElementsAre(1));
}

TEST(WorkListTest, RefusesWhatIsOverItsCapacityAndLeavesItToTheCaller) {
  WorkList list(2);
  Job one(1), two(2), three(3);
  list.Append(&one);
  list.Append(&two);
  EXPECT_EQ(list.Append(&three), Appended::kFull);
  EXPECT_EQ(list.size(), 2u);
  EXPECT_THAT(Numbers(list.TakeAll()), ElementsAre(1, 2));
  EXPECT_EQ(list.Append(&three), Appended::kFirst);
  EXPECT_THAT(Numbers(list.TakeAll()), ElementsAre(3));
}

TEST(WorkListTest, AppendsAChainWholeAndInOrder) {
  WorkList list(8);
  Job one(1), two(2), three(3), four(4);
  list.Append(&one);
  WorkChain chain;
  chain.Push(&two);
  chain.Push(&three);
  EXPECT_EQ(list.Append(chain), Appended::kBehind);
  EXPECT_TRUE(chain.empty());
  list.Append(&four);
  EXPECT_EQ(list.size(), 4u);
  EXPECT_THAT(Numbers(list.TakeAll()), ElementsAre(1, 2, 3, 4));
  chain.Push(&one);
  EXPECT_EQ(list.Append(chain), Appended::kFirst);
  EXPECT_THAT(Numbers(list.TakeAll()), ElementsAre(1));
}

TEST(WorkListTest, LeavesAChainThatDoesNotFitToTheCallerAsItWas) {
  WorkList list(3);
  Job one(1), two(2), three(3), four(4);
  list.Append(&one);
  WorkChain chain;
  for (Job* job : {&two, &three, &four}) chain.Push(job);
  EXPECT_EQ(list.Append(chain), Appended::kFull);
  EXPECT_EQ(chain.size(), 3u);
  EXPECT_THAT(Numbers(list.Close()), ElementsAre(1));
  EXPECT_EQ(list.Append(chain), Appended::kClosed);
  chain.Push(&one);
  EXPECT_THAT(Numbers(std::move(chain)), ElementsAre(2, 3, 4, 1));
}

TEST(WorkListTest, TakesAnEmptyChainForNothing) {
  WorkList list(1);
  WorkChain chain;
  EXPECT_EQ(list.Append(chain), Appended::kBehind);
  EXPECT_EQ(list.size(), 0u);
}

TEST(WorkListTest, CountsUpToItsLargestCapacity) {
  WorkList list(WorkList::kMaxCapacity);
  std::vector<std::unique_ptr<Job>> jobs;
  for (size_t i = 0; i < WorkList::kMaxCapacity; ++i) {
    jobs.push_back(std::make_unique<Job>(static_cast<int>(i)));
    ASSERT_TRUE(Accepted(list.Append(jobs.back().get()))) << i;
  }
  EXPECT_EQ(list.size(), WorkList::kMaxCapacity);
  Job one_more(-1);
  EXPECT_EQ(list.Append(&one_more), Appended::kFull);
  WorkChain all = list.TakeAll();
  EXPECT_EQ(all.size(), WorkList::kMaxCapacity);
  EXPECT_EQ(Numbers(std::move(all)).back(),
            static_cast<int>(WorkList::kMaxCapacity) - 1);
}

TEST(WorkListTest, HandsBackWhatWaitedWhenItCloses) {
  WorkList list(8);
  Job one(1), two(2), late(3);
  list.Append(&one);
  list.Append(&two);
  EXPECT_THAT(Numbers(list.Close()), ElementsAre(1, 2));
  EXPECT_EQ(list.Append(&late), Appended::kClosed);
  EXPECT_THAT(Numbers(list.TakeAll()), IsEmpty());
  EXPECT_THAT(Numbers(list.Close()), IsEmpty());
  EXPECT_EQ(list.Append(&late), Appended::kClosed);
}

// Producers append while one thread takes and another closes: each item is
// taken once, handed back once, or refused.
TEST(WorkListTest, LosesAndDoublesNothingWhileManyAppendTakeAndClose) {
  constexpr int kProducers = 4;
  constexpr int kEach = 20000;
  for (int round = 0; round < 5; ++round) {
    WorkList list(1000);
    std::vector<std::vector<std::unique_ptr<Job>>> jobs(kProducers);
    std::vector<std::atomic<int>> seen(kProducers * kEach);
    std::atomic<int> refused{0};
    std::atomic<bool> closed{false};
    std::atomic<bool> done{false};
    for (int p = 0; p < kProducers; ++p) {
      for (int i = 0; i < kEach; ++i) {
        jobs[p].push_back(std::make_unique<Job>(i, p));
      }
    }
    const auto see = [&](WorkChain chain) {
      std::vector<int> last(kProducers, -1);
      while (Job* job = chain.Pop<Job>()) {
        EXPECT_GT(job->number, last[job->producer]);  // Per producer in order.
        last[job->producer] = job->number;
        ++seen[job->producer * kEach + job->number];
      }
    };
    std::thread taker([&] {
      while (!done) see(list.TakeAll());
    });
    std::vector<std::thread> producers;
    std::atomic<int> accepted{0};
    for (int p = 0; p < kProducers; ++p) {
      producers.emplace_back([&, p] {
        for (auto& job : jobs[p]) {
          // The last comes too late, whatever the threads' luck.
          if (job == jobs[p].back()) closed.wait(false);
          for (;;) {
            const Appended appended = list.Append(job.get());
            if (Accepted(appended)) ++accepted;
            if (appended == Appended::kClosed) ++refused;
            if (appended != Appended::kFull) break;
            std::this_thread::yield();
          }
        }
      });
    }
    while (accepted < kProducers * kEach / 2) std::this_thread::yield();
    see(list.Close());
    closed = true;
    closed.notify_all();
    for (auto& producer : producers) producer.join();
    done = true;
    taker.join();
    see(list.TakeAll());
    int once = 0;
    for (auto& times : seen) {
      EXPECT_LE(times, 1);
      once += times;
    }
    EXPECT_EQ(once, accepted);
    EXPECT_EQ(accepted + refused, kProducers * kEach);
    EXPECT_GE(refused, kProducers);
  }
}

TEST(WorkListDeathTest, StopsTheProgramThatAppendsAnItemTwice) {
  WorkList list(8), other(8);
  Job one(1), two(2);
  list.Append(&one);
  list.Append(&two);
  for (Job* job : {&one, &two}) {  // Below another, and on top.
    EXPECT_DEATH(list.Append(job), "appended twice");
    EXPECT_DEATH(other.Append(job), "appended twice");
  }
  Numbers(list.TakeAll());
  EXPECT_EQ(other.Append(&one), Appended::kFirst);
  Numbers(other.TakeAll());
}

TEST(WorkListDeathTest, StopsTheProgramThatAppendsWhatIsInAChain) {
  WorkList list(8);
  WorkChain chain;
  Job one(1);
  chain.Push(&one);
  EXPECT_DEATH(list.Append(&one), "appended twice");
  EXPECT_DEATH(chain.Push(&one), "appended twice");
  Numbers(std::move(chain));
}

}  // namespace
}  // namespace pinion
