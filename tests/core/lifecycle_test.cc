// SPDX-License-Identifier: Apache-2.0
//
// How a scheduler drains and stops, and what becomes of what waits then.
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
#include "pinion/core/work_lists.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::chrono::minutes kLong{1};

struct Job : WorkItem {
  int number = 0;
};

// One worker, held in a task until it is let go; and lists whose items it
// handles, two in a run.
class LifecycleTest : public ::testing::Test {
 protected:
  explicit LifecycleTest(bool with_hand_back = true)
      : scheduler_(Scheduler::Start({.workers = 1}).value()),
        lists_(WorkLists<Job>::Create(
                   *scheduler_,
                   {.capacity = 8,
                    .name = "jobs",
                    .budget = {.items = 2, .time = kLong}},
                   [this](int, WorkBatch& batch) { Handle(batch); },
                   with_hand_back ? HandBack() : nullptr)
                   .value()) {
    scheduler_
        ->AddTask(0, {.name = "holder"}, [this](WakeReasons) { held_.Pass(); })
        ->Wake();
    held_.AwaitArrivals(1);
    for (int i = 0; i < 5; ++i) {
      jobs_[i].number = i;
      EXPECT_TRUE(Accepted(lists_->Add(0, &jobs_[i])));
    }
  }

  void Handle(WorkBatch& batch) {
    while (Job* job = batch.Pop<Job>()) handled_.push_back(job->number);
    if (after_a_batch_) after_a_batch_();
  }

  // Returns when the worker has been asked, without waiting for its end.
  void AskToStop() {
    std::thread([this] {
      EXPECT_FALSE(scheduler_->Stop(std::chrono::nanoseconds(0)).ok());
    }).join();
  }

  WorkLists<Job>::HandBackFunction HandBack() {
    return [this](int worker, WorkChain items) {
      EXPECT_EQ(worker, Scheduler::CurrentWorker());
      while (Job* job = items.Pop<Job>()) handed_back_.push_back(job->number);
    };
  }

  Job jobs_[6];
  Gate held_;
  std::vector<int> handled_, handed_back_;
  std::function<void()> after_a_batch_;
  std::unique_ptr<Scheduler> scheduler_;
  WorkLists<Job>* lists_;
};

TEST_F(LifecycleTest, ADrainRunsWhatWaitsAndRefusesWhatComes) {
  held_.Open();
  ASSERT_TRUE(scheduler_->Drain(kLong).ok());
  EXPECT_THAT(handled_, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(lists_->Add(0, &jobs_[5]), Appended::kClosed);
  EXPECT_EQ(lists_->waiting(0), 0u);
  EXPECT_TRUE(scheduler_->Drain(kLong).ok()) << "a second drain";
  EXPECT_THAT(handed_back_, ElementsAre());
}

TEST_F(LifecycleTest, ADrainThatTakesTooLongTellsWhatRunsAndCanBeAwaitedAgain) {
  const absl::Status status = scheduler_->Drain({});
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(HasSubstr("worker 0"), HasSubstr("holder for"), HasSubstr(" ms")));
  EXPECT_EQ(lists_->Add(0, &jobs_[5]), Appended::kClosed);
  held_.Open();
  EXPECT_TRUE(scheduler_->Drain(kLong).ok());
  EXPECT_EQ(handled_.size(), 5u);
}

TEST_F(LifecycleTest, AStopHandsBackOnItsWorkerWhatNoRunHasHandled) {
  Gate asked;
  after_a_batch_ = [&] {
    AskToStop();
    asked.Open();
  };
  held_.Open();
  asked.Pass();
  ASSERT_TRUE(scheduler_->Stop(kLong).ok());
  EXPECT_THAT(handled_, ElementsAre(0, 1));
  EXPECT_THAT(handed_back_, ElementsAre(2, 3, 4));
  EXPECT_TRUE(lists_->Close(0).empty());
}

TEST_F(LifecycleTest, AStopThatTakesTooLongTellsWhatRunsAndCanBeAwaitedAgain) {
  const absl::Status status = scheduler_->Stop(std::chrono::nanoseconds(0));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("worker 0"), HasSubstr("holder for")));
  EXPECT_THAT(handed_back_, ElementsAre()) << "its run has not ended";
  held_.Open();
  EXPECT_TRUE(scheduler_->Stop(kLong).ok());
  EXPECT_THAT(handled_, ElementsAre());
  EXPECT_THAT(handed_back_, ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(LifecycleTest, AStopCanBeCalledAgainAndFromSeveralThreads) {
  std::vector<std::thread> stoppers;
  for (int i = 0; i < 4; ++i) {
    stoppers.emplace_back([&] { EXPECT_TRUE(scheduler_->Stop(kLong).ok()); });
  }
  held_.Open();
  for (auto& stopper : stoppers) stopper.join();
  EXPECT_TRUE(scheduler_->Stop(kLong).ok());
  EXPECT_TRUE(scheduler_->Drain(kLong).ok());
  EXPECT_EQ(handled_.size() + handed_back_.size(), 5u);
}

TEST_F(LifecycleTest, NothingIsRunAfterTheStop) {
  held_.Open();
  ASSERT_TRUE(scheduler_->Stop(kLong).ok());
  bool ran = false;
  Task* task = scheduler_->AddTask(0, [&](WakeReasons) { ran = true; });
  task->Wake();
  task->WakeAfter({});
  task->Kill();
  EXPECT_EQ(lists_->Add(0, &jobs_[5]), Appended::kClosed);
  EXPECT_TRUE(scheduler_->Stop(kLong).ok());
  EXPECT_FALSE(ran);
}

TEST_F(LifecycleTest, NeitherIsPossibleOnAWorker) {
  absl::Status drained, stopped;
  scheduler_
      ->AddTask(0,
                [&](WakeReasons) {
                  drained = scheduler_->Drain(kLong);
                  stopped = scheduler_->Stop(kLong);
                })
      ->Wake();
  held_.Open();
  ASSERT_TRUE(scheduler_->Drain(kLong).ok());
  for (const absl::Status& status : {drained, stopped}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("on another"));
  }
}

TEST_F(LifecycleTest, ListsMadeAfterADrainRefuseAtOnce) {
  held_.Open();
  ASSERT_TRUE(scheduler_->Drain(kLong).ok());
  WorkLists<Job>* late =
      WorkLists<Job>::Create(*scheduler_, {}, [](int, WorkBatch&) {}).value();
  EXPECT_EQ(late->Add(0, &jobs_[5]), Appended::kClosed);
}

class WithoutHandBackTest : public LifecycleTest {
 protected:
  WithoutHandBackTest() : LifecycleTest(/*with_hand_back=*/false) {}
};

TEST_F(WithoutHandBackTest, WhatAStopLeavesWaitsForClose) {
  Gate asked;
  after_a_batch_ = [&] {
    AskToStop();
    asked.Open();
  };
  held_.Open();
  asked.Pass();
  ASSERT_TRUE(scheduler_->Stop(kLong).ok());
  WorkChain left = lists_->CloseAll();
  EXPECT_THAT(handled_, ElementsAre(0, 1));
  for (int i = 2; i < 5; ++i) EXPECT_EQ(left.Pop<Job>(), &jobs_[i]);
  EXPECT_TRUE(left.empty());
  EXPECT_TRUE(lists_->CloseAll().empty());
}

TEST(ManualLifecycleTest, DrainsAndStopsStepByStep) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({.workers = 3}, time.clock());
  std::vector<int> handled, handed_back;
  WorkLists<Job>* lists = WorkLists<Job>::Create(
                              *scheduler, {},
                              [&](int worker, WorkBatch& batch) {
                                while (batch.Pop<Job>())
                                  handled.push_back(worker);
                              },
                              [&](int worker, WorkChain items) {
                                while (items.Pop() != nullptr)
                                  handed_back.push_back(worker);
                              })
                              .value();
  Job jobs[3];
  for (int i = 0; i < 3; ++i) lists->Add(i, &jobs[i]);
  ASSERT_TRUE(scheduler->Step(1));
  EXPECT_THAT(handled, ElementsAre(1));
  ASSERT_TRUE(scheduler->Stop(kLong).ok());
  EXPECT_THAT(handled, ElementsAre(1));
  EXPECT_THAT(handed_back, ElementsAre(0, 2));
  EXPECT_FALSE(scheduler->Step(0));
}

}  // namespace
}  // namespace pinion
