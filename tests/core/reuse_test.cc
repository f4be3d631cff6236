// SPDX-License-Identifier: Apache-2.0
//
// An address that is freed and used again while somebody pushes. Who pushes
// has read the word of a list or an inbox, and is held up before it swaps; when
// it goes on the word reads the same, though all that it stood for has gone.
// It may: what it has linked to is what is there, not what was.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/interleaving.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_list.h"
#include "pinion/core/work_lists.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;

constexpr std::chrono::minutes kLong{1};

struct Job : WorkItem {
  explicit Job(int number) : number(number) {}
  const int number;
};

// A place for a job, always at the same address.
using Place = std::optional<Job>;

std::vector<int> Numbers(WorkChain chain) {
  std::vector<int> numbers;
  while (Job* job = chain.Pop<Job>()) numbers.push_back(job->number);
  return numbers;
}

// Does `push`, and `meanwhile` on another thread at the `nth` time that it is
// about to swap.
void PushHeldUp(const std::function<void()>& push,
                const std::function<void()>& meanwhile, int nth = 1) {
  int reached = 0;
  bool intruding = false;
  SetInterleavingHook([&](Point point) {
    if (point != Point::kLinked || intruding || ++reached != nth) return;
    intruding = true;
    std::thread(meanwhile).join();
    intruding = false;
  });
  push();
  SetInterleavingHook(nullptr);
  EXPECT_GE(reached, nth) << "it was never held up";
}

class ReuseTest : public ::testing::Test {
 protected:
  // Takes all from the list, and frees it.
  void Free() {
    for (int number : Numbers(list_.TakeAll())) freed_.push_back(number);
    first_.reset();
    second_.reset();
  }

  WorkList list_{4};
  Place first_, second_;
  Job pushed_{100};
  std::vector<int> freed_;
};

TEST_F(ReuseTest, AnItemGoesBehindTheNewOneAtTheAddressItSaw) {
  list_.Append(&first_.emplace(1));
  PushHeldUp([&] { EXPECT_EQ(list_.Append(&pushed_), Appended::kBehind); },
             [&] {
               Free();
               EXPECT_EQ(list_.Append(&first_.emplace(2)), Appended::kFirst);
             });
  EXPECT_THAT(freed_, ElementsAre(1));
  EXPECT_EQ(list_.size(), 2u);
  EXPECT_THAT(Numbers(list_.TakeAll()), ElementsAre(2, 100));
}

TEST_F(ReuseTest, WhatLiesBelowThatAddressMayBeAnother) {
  list_.Append(&first_.emplace(1));
  list_.Append(&second_.emplace(2));
  Job below(3);
  PushHeldUp([&] { list_.Append(&pushed_); },
             [&] {
               Free();
               list_.Append(&below);
               list_.Append(&second_.emplace(4));
             });
  EXPECT_THAT(freed_, ElementsAre(1, 2));
  EXPECT_THAT(Numbers(list_.TakeAll()), ElementsAre(3, 4, 100));
}

TEST_F(ReuseTest, ACountThatDiffersIsSeenThoughTheAddressDoesNot) {
  list_.Append(&first_.emplace(1));
  Job below(2);
  PushHeldUp([&] { list_.Append(&pushed_); },
             [&] {
               Free();
               list_.Append(&below);
               list_.Append(&first_.emplace(3));
             });
  EXPECT_EQ(list_.size(), 3u);
  EXPECT_THAT(Numbers(list_.TakeAll()), ElementsAre(2, 3, 100));
}

TEST_F(ReuseTest, AChainGoesBehindTheNewItemWhole) {
  list_.Append(&first_.emplace(1));
  Job last(101);
  WorkChain chain;
  chain.Push(&pushed_);
  chain.Push(&last);
  PushHeldUp([&] { EXPECT_EQ(list_.Append(chain), Appended::kBehind); },
             [&] {
               Free();
               list_.Append(&first_.emplace(2));
             });
  EXPECT_THAT(Numbers(list_.TakeAll()), ElementsAre(2, 100, 101));
}

TEST_F(ReuseTest, AnItemIsTheFirstAgainWhenNothingCameBack) {
  list_.Append(&first_.emplace(1));
  PushHeldUp([&] { EXPECT_EQ(list_.Append(&pushed_), Appended::kFirst); },
             [&] { Free(); });
  EXPECT_THAT(Numbers(list_.TakeAll()), ElementsAre(100));
}

TEST_F(ReuseTest, AListClosedMeanwhileRefuses) {
  list_.Append(&first_.emplace(1));
  PushHeldUp([&] { EXPECT_EQ(list_.Append(&pushed_), Appended::kClosed); },
             [&] { EXPECT_THAT(Numbers(list_.Close()), ElementsAre(1)); });
  EXPECT_EQ(list_.size(), 0u);
}

// The same in a worker: its round handles and frees the item, and the next one
// at its address is added, while a third is on its way in.
TEST(ReuseInADrainTest, EachItemIsHandledOnceAndNoneIsForgotten) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  Place place;
  std::vector<int> handled;
  WorkLists<Job>* lists =
      WorkLists<Job>::Create(*scheduler, {.capacity = 2},
                             [&](int, WorkBatch& batch) {
                               while (Job* job = batch.Pop<Job>()) {
                                 handled.push_back(job->number);
                                 if (job == &*place) place.reset();
                               }
                             })
          .value();
  Job pushed(100);
  lists->Add(0, &place.emplace(1));
  PushHeldUp([&] { EXPECT_EQ(lists->Add(0, &pushed), Appended::kBehind); },
             [&] {
               scheduler->Step(0);
               EXPECT_FALSE(place.has_value());
               lists->Add(0, &place.emplace(2));
             });
  EXPECT_EQ(lists->waiting(0), 2u);
  ASSERT_TRUE(scheduler->Drain(kLong).ok());
  EXPECT_THAT(handled, ElementsAre(1, 2, 100));
}

// The same of a worker's inbox, whose addresses are those of tasks.
TEST(ReuseInAnInboxTest, ATaskGoesBehindTheOneThatCameBack) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  std::vector<int> ran;
  Task* back = scheduler->AddTask(0, [&](WakeReasons) { ran.push_back(1); });
  Task* pushed = scheduler->AddTask(0, [&](WakeReasons) { ran.push_back(2); });
  back->Wake();
  PushHeldUp([&] { pushed->Wake(); },
             [&] {
               scheduler->Step(0);
               // It has announced its sleep. Who comes first ends it, and
               // "back" is what the other has seen there.
               back->Wake();
             });
  scheduler->RunUntilIdle(/*seed=*/1);
  EXPECT_THAT(ran, ElementsAre(1, 1, 2));
  EXPECT_EQ(scheduler->Snapshot()[0].wakes_sent, 1u);
}

TEST(ReuseInAnInboxTest, ASleepAnnouncedAgainIsEndedByWhoSawTheOneBefore) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  int ran = 0, waking = 0;
  Task* other = scheduler->AddTask(0, [&](WakeReasons) { ++ran; });
  Task* pushed = scheduler->AddTask(0, [&](WakeReasons) { ++ran; });
  other->Wake();
  scheduler->Step(0);  // Then it has announced its sleep.
  bool intruding = false, intruded = false;
  SetInterleavingHook([&](Point point) {
    if (point == Point::kWaking && !intruding) ++waking;
    if (point != Point::kLinked || std::exchange(intruded, true)) return;
    intruding = true;
    std::thread([&] {
      other->Wake();
      scheduler->Step(0);  // Then it has announced another.
    }).join();
    intruding = false;
  });
  pushed->Wake();
  SetInterleavingHook(nullptr);
  EXPECT_EQ(waking, 1);
  scheduler->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(ran, 3);
  EXPECT_EQ(scheduler->Snapshot()[0].wakes_sent, 2u);
}

}  // namespace
}  // namespace pinion
