// SPDX-License-Identifier: Apache-2.0
//
// Items that their own handler adds on: to the list that it handles, and to a
// ring of lists that others keep full. An add never waits, so none of it can
// deadlock; and what is refused is the handler's again, so none of it is lost.
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_lists.h"
#include "pinion/server/testing/seed.h"

namespace pinion {
namespace {

using ::pinion::testing::Seed;
using ::testing::ElementsAre;

constexpr std::chrono::minutes kLong{1};

// Goes from list to list until it has no hops left, or is refused.
struct Traveller : WorkItem {
  int hops = 0;
};

// Lists whose handler adds each traveller to the list `step` workers further,
// on all workers of a scheduler.
class Ring {
 public:
  Ring(Scheduler& scheduler, int step, size_t capacity)
      : workers_(scheduler.worker_count()),
        step_(step),
        lists_(WorkLists<Traveller>::Create(
                   scheduler, {.capacity = capacity, .budget = {.items = 4}},
                   [this](int worker, WorkBatch& batch) {
                     while (Traveller* traveller = batch.Pop<Traveller>()) {
                       Handle(worker, traveller);
                     }
                   },
                   [this](int, WorkChain items) {
                     while (items.Pop() != nullptr) ++handed_back_;
                   })
                   .value()) {}

  bool Send(int worker, Traveller* traveller, int hops) {
    traveller->hops = hops;
    const bool sent = Accepted(lists_->Add(worker, traveller));
    if (sent) ++sent_;
    return sent;
  }

  int sent() const { return sent_; }
  int arrived() const { return arrived_; }
  int full() const { return full_; }
  // Each that was sent has come to one end.
  bool all_ended() const {
    return sent_ == arrived_ + full_ + closed_ + handed_back_;
  }

 private:
  void Handle(int worker, Traveller* traveller) {
    if (traveller->hops == 0) {
      ++arrived_;
      return;
    }
    --traveller->hops;
    switch (lists_->Add((worker + step_) % workers_, traveller)) {
      case Appended::kFull:
        ++full_;
        break;
      case Appended::kClosed:
        ++closed_;
        break;
      default:  // It is somebody else's by now.
        break;
    }
  }

  const int workers_, step_;
  std::atomic<int> sent_{0}, arrived_{0}, full_{0}, closed_{0}, handed_back_{0};
  WorkLists<Traveller>* const lists_;
};

TEST(OwnListTest, AnItemAddedToItIsHandledInALaterRunAndKeepsNobodyWaiting) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  Ring ring(*scheduler, /*step=*/0, /*capacity=*/2);
  std::vector<int> arrived;
  Traveller traveller;
  ASSERT_TRUE(ring.Send(0, &traveller, /*hops=*/3));
  Task* other = nullptr;
  other = scheduler->AddTask(0, [&](WakeReasons) {
    arrived.push_back(ring.arrived());
    if (arrived.size() < 5) other->Wake();
  });
  other->Wake();
  scheduler->RunUntilIdle(/*seed=*/1);
  EXPECT_THAT(arrived, ElementsAre(0, 0, 0, 1, 1));
  EXPECT_TRUE(ring.all_ended());
}

TEST(OwnListTest, WhatHasComeBackCountsAgainstItsCapacity) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  Ring ring(*scheduler, /*step=*/0, /*capacity=*/3);
  std::deque<Traveller> travellers(4);
  ASSERT_TRUE(ring.Send(0, &travellers[0], /*hops=*/1));
  ASSERT_TRUE(ring.Send(0, &travellers[1], /*hops=*/1));
  ASSERT_TRUE(ring.Send(0, &travellers[2], /*hops=*/1));
  EXPECT_FALSE(ring.Send(0, &travellers[3], /*hops=*/0)) << "it is full";
  scheduler->Step(0);
  // Those that were handled have come back, and fill it.
  EXPECT_FALSE(ring.Send(0, &travellers[3], /*hops=*/0)) << "it is full again";
  scheduler->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(ring.arrived(), 3);
  EXPECT_EQ(ring.full(), 0);
}

// In an order that the seed decides each worker's list is full whenever another
// one's handler adds to it.
TEST(FullRingTest, NeitherBlocksNorLosesAnItem) {
  const Seed seed;
  constexpr int kWorkers = 4;
  int full = 0, arrived = 0;
  for (uint64_t i = 0; i < 50; ++i) {
    std::mt19937_64 random(seed.value() + i);
    FakeClock time;
    auto scheduler = Scheduler::Manual({.workers = kWorkers}, time.clock());
    Ring ring(*scheduler, /*step=*/1, /*capacity=*/2);
    std::deque<Traveller> travellers;
    for (int step = 0; step < 200; ++step) {
      for (int worker = 0; worker < kWorkers; ++worker) {
        while (ring.Send(worker, &travellers.emplace_back(), /*hops=*/5)) {
        }
      }
      scheduler->RunUntilIdle(random(), /*max_steps=*/1);
    }
    scheduler->RunUntilIdle(random());
    EXPECT_TRUE(ring.all_ended());
    full += ring.full();
    arrived += ring.arrived();
  }
  EXPECT_GT(full, 0) << "no list was ever full";
  EXPECT_GT(arrived, 0);
}

// With threads: workers that add around the ring, and to their own lists, while
// producers fill all of them.
class RingsTest : public ::testing::TestWithParam<int> {
 protected:
  static constexpr int kWorkers = 4, kProducers = 2, kEach = 5000, kHops = 20;

  // Sends travellers until all are sent or, once it has ended, none is
  // accepted.
  void Produce(Ring& ring, std::deque<Traveller>& travellers) {
    int worker = 0;
    for (Traveller& traveller : travellers) {
      while (!ring.Send(worker, &traveller, kHops)) {
        if (over_) return;
        worker = (worker + 1) % kWorkers;
        std::this_thread::yield();
      }
    }
  }

  std::deque<Traveller> travellers_[kProducers];
  std::atomic<bool> over_{false};
  std::unique_ptr<Scheduler> scheduler_ =
      Scheduler::Start({.workers = kWorkers, .cpu_policy = CpuPolicy::kFloat})
          .value();
};

TEST_P(RingsTest, LoseNothingInADrainInCompetitionWithProducers) {
  Ring ring(*scheduler_, GetParam(), /*capacity=*/8);
  std::vector<std::thread> producers;
  for (auto& travellers : travellers_) {
    travellers.resize(kEach);
    producers.emplace_back([&] { Produce(ring, travellers); });
  }
  for (auto& producer : producers) producer.join();
  ASSERT_TRUE(scheduler_->Drain(kLong).ok());
  EXPECT_EQ(ring.sent(), kProducers * kEach);
  EXPECT_TRUE(ring.all_ended());
}

TEST_P(RingsTest, LoseNothingInAStopInCompetitionWithProducers) {
  Ring ring(*scheduler_, GetParam(), /*capacity=*/8);
  std::vector<std::thread> producers;
  for (auto& travellers : travellers_) {
    travellers.resize(kEach);
    producers.emplace_back([&] { Produce(ring, travellers); });
  }
  while (ring.sent() < kEach / 10) std::this_thread::yield();
  ASSERT_TRUE(scheduler_->Stop(kLong).ok());
  over_ = true;
  for (auto& producer : producers) producer.join();
  EXPECT_TRUE(ring.all_ended());
}

std::string NameOfStep(const ::testing::TestParamInfo<int>& step) {
  return step.param == 0 ? "ToTheOwnList" : "AroundTheRing";
}

INSTANTIATE_TEST_SUITE_P(Steps, RingsTest, ::testing::Values(0, 1), NameOfStep);

}  // namespace
}  // namespace pinion
