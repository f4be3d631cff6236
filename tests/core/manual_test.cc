// SPDX-License-Identifier: Apache-2.0
//
// A scheduler without threads, stepped by its test.
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <utility>
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

constexpr int kWorkers = 4;

// An item that is handed on from worker to worker until it has no hops left.
struct Traveller : WorkItem {
  int number = 0;
  int hops = 20;
};

// Which worker handled which traveller, in the order in which it happened.
using Story = std::vector<std::pair<int, int>>;

Story Travel(uint64_t seed) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({.workers = kWorkers}, time.clock());
  std::deque<Traveller> travellers(8);
  Story story;
  WorkLists<Traveller>* lists = nullptr;
  lists = WorkLists<Traveller>::Create(
              *scheduler, {},
              [&](int worker, WorkBatch& batch) {
                while (Traveller* traveller = batch.Pop<Traveller>()) {
                  story.emplace_back(worker, traveller->number);
                  if (--traveller->hops > 0) {
                    const int next = (worker + 1 + traveller->hops) % kWorkers;
                    EXPECT_TRUE(Accepted(lists->Add(next, traveller)));
                  }
                }
              })
              .value();
  for (size_t i = 0; i < travellers.size(); ++i) {
    travellers[i].number = static_cast<int>(i);
    lists->Add(static_cast<int>(i % kWorkers), &travellers[i]);
  }
  scheduler->RunUntilIdle(seed);
  for (const Traveller& traveller : travellers) EXPECT_EQ(traveller.hops, 0);
  return story;
}

TEST(ManualTest, ASeedDecidesTheOrderAndNothingElseDoes) {
  const Seed seed;
  std::set<Story> stories;
  for (uint64_t i = 0; i < 50; ++i) {
    const Story story = Travel(seed.value() + i);
    EXPECT_EQ(story, Travel(seed.value() + i));
    stories.insert(story);
  }
  EXPECT_GT(stories.size(), 25u) << "the seed hardly matters";
}

TEST(ManualTest, AStepIsOneRoundOfTheWorkerThatIsNamed) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({.workers = 2}, time.clock());
  std::vector<int> ran;
  for (int worker = 0; worker < 2; ++worker) {
    scheduler
        ->AddTask(
            worker,
            [&ran](WakeReasons) { ran.push_back(Scheduler::CurrentWorker()); })
        ->Wake();
  }
  EXPECT_EQ(Scheduler::CurrentWorker(), -1);
  EXPECT_TRUE(scheduler->Step(1));
  EXPECT_THAT(ran, ElementsAre(1));
  EXPECT_FALSE(scheduler->Step(1));
  EXPECT_TRUE(scheduler->Step(0));
  EXPECT_THAT(ran, ElementsAre(1, 0));
  EXPECT_EQ(Scheduler::CurrentWorker(), -1);
}

TEST(ManualTest, EndsAfterTheStepsItWasAllowedThoughThereIsMore) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  Task* task = nullptr;
  task = scheduler->AddTask(0, [&](WakeReasons) { task->Wake(); });
  task->Wake();
  EXPECT_EQ(scheduler->RunUntilIdle(/*seed=*/1, /*max_steps=*/10), 10);
  EXPECT_EQ(task->stats().runs, 10u);
}

TEST(ManualTest, TellsWhetherItHasToBeStepped) {
  FakeClock time;
  EXPECT_TRUE(Scheduler::Manual({}, time.clock())->manual());
  EXPECT_FALSE(Scheduler::Start({.workers = 1}).value()->manual());
}

TEST(ManualDeathTest, OneWithThreadsCannotBeStepped) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH({ Scheduler::Start({.workers = 1}).value()->Step(0); },
               "only a manual scheduler");
}

}  // namespace
}  // namespace pinion
