// SPDX-License-Identifier: Apache-2.0
//
// What a worker tells of its last wake: the test holds its thread where it
// wants it to be late.
#include <chrono>
#include <cstdint>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/interleaving.h"
#include "pinion/core/clock.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/wake_times.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::std::chrono::microseconds;

uint64_t Now() { return Clock().Ticks(); }

TEST(WakeTimesTest, WhatCameBeforeTheWakeWaitedForAllOfIt) {
  const WakeTimes wake = {.asked = 100, .awake = 130};
  EXPECT_EQ(wake.LateFor(90), 30u);
  EXPECT_EQ(wake.LateFor(100), 30u);
}

TEST(WakeTimesTest, WhatCameMeanwhileWaitedForTheRestOfIt) {
  const WakeTimes wake = {.asked = 100, .awake = 130};
  EXPECT_EQ(wake.LateFor(101), 29u);
  EXPECT_EQ(wake.LateFor(129), 1u);
}

TEST(WakeTimesTest, WhatCameLaterDidNotWaitForIt) {
  const WakeTimes wake = {.asked = 100, .awake = 130};
  EXPECT_EQ(wake.LateFor(130), 0u);
  EXPECT_EQ(wake.LateFor(1000), 0u);
}

TEST(WakeTimesTest, AWakeIsAskedForWithinTheWaitThatItEnds) {
  EXPECT_EQ(WakeTimes::Within(100, 110, 130).asked, 110u);
  EXPECT_EQ(WakeTimes::Within(100, 90, 130).asked, 100u);
  EXPECT_EQ(WakeTimes::Within(100, 131, 130).asked, 130u);
  EXPECT_EQ(WakeTimes::Within(uint64_t{0} - 9, uint64_t{0} - 10, 5).asked,
            uint64_t{0} - 9);
}

TEST(WakeTimesTest, HoldsAcrossTheWrapOfTheClock) {
  const WakeTimes wake = {.asked = uint64_t{0} - 10, .awake = 20};
  EXPECT_EQ(wake.LateFor(uint64_t{0} - 50), 30u);
  EXPECT_EQ(wake.LateFor(uint64_t{0} - 5), 25u);
  EXPECT_EQ(wake.LateFor(5), 15u);
  EXPECT_EQ(wake.LateFor(21), 0u);
}

TEST(WakeTimesTest, NobodyWaitedForAWakeThatNeverWas) {
  const WakeTimes none;
  for (uint64_t queued : {uint64_t{0}, uint64_t{7}, uint64_t{0} - 7}) {
    EXPECT_EQ(none.LateFor(queued), 0u);
  }
}

// A worker that goes to sleep at once, and when it is woken is held until the
// test lets it go on.
class LastWakeTest : public ::testing::Test {
 protected:
  LastWakeTest() {
    asleep_.Open();  // Only counts.
    SetInterleavingHook([this](Point point) {
      if (point == Point::kSleeping) asleep_.Pass();
      if (point == Point::kAwake) awake_.Pass();
    });
    scheduler_ =
        Scheduler::Start(
            {.workers = 1, .worker = {.spin = {.policy = SpinPolicy::kNever}}})
            .value();
    asleep_.AwaitArrivals(1);
  }
  ~LastWakeTest() override {
    awake_.Open();
    scheduler_.reset();
    SetInterleavingHook(nullptr);
  }

  Gate asleep_, awake_;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(LastWakeTest, LastsFromTheWakeOfATaskUntilTheThreadRunsAgain) {
  Gate looked;
  WakeTimes seen;
  uint64_t ran = 0;
  Task* task = scheduler_->AddTask(0, [&](WakeReasons) {
    seen = Worker::Current()->last_wake();
    ran = Now();
    looked.Open();
  });
  const uint64_t before = Now();
  task->Wake();
  const uint64_t woken = Now();
  awake_.AwaitArrivals(1);
  const uint64_t held_until = Now();
  awake_.Open();
  looked.Pass();
  EXPECT_GE(seen.asked, before);
  EXPECT_LE(seen.asked, woken);
  EXPECT_GE(seen.awake, held_until);
  EXPECT_LE(seen.awake, ran);
}

TEST_F(LastWakeTest, BeginsWithTheFirstOfSeveralWakes) {
  Gate looked;
  WakeTimes seen;
  Task* first = scheduler_->AddTask(0, [](WakeReasons) {});
  Task* second = scheduler_->AddTask(0, [&](WakeReasons) {
    seen = Worker::Current()->last_wake();
    looked.Open();
  });
  first->Wake();
  const uint64_t woken = Now();
  second->Wake();
  awake_.Open();
  looked.Pass();
  EXPECT_LE(seen.asked, woken);
  EXPECT_LT(seen.LateFor(woken + 1), seen.LateFor(seen.asked));
}

TEST_F(LastWakeTest, StaysAsItIsWhenATimerEndsTheSleep) {
  awake_.Open();
  Gate done;
  WakeTimes first;
  uint64_t sleeps = 0;
  Task* task = nullptr;
  task = scheduler_->AddTask(0, [&](WakeReasons reasons) {
    const WakeTimes last = Worker::Current()->last_wake();
    const uint64_t slept = scheduler_->Snapshot()[0].sleeps;
    if ((reasons & kWakeTimer) == 0) {
      first = last;
      sleeps = slept;
    }
    EXPECT_EQ(last.asked, first.asked);
    EXPECT_EQ(last.awake, first.awake);
    // Again if the timer was due before there was a sleep for it to end.
    if (slept > sleeps) return done.Open();
    task->WakeAfter(std::chrono::milliseconds(1));
  });
  task->Wake();
  done.Pass();
  EXPECT_GT(first.awake, 0u);
}

TEST(NoWakeTest, IsToldOfAWorkerThatHasFoundWorkWithoutASleep) {
  auto scheduler =
      Scheduler::Start({.workers = 1,
                        .worker = {.spin = {.policy = SpinPolicy::kAlways,
                                            .limit = std::chrono::hours(1)}}})
          .value();
  WakeTimes seen;
  // The first may have come before the worker began to spin.
  while (scheduler->Snapshot()[0].spins_paid == 0) {
    Gate looked;
    scheduler
        ->AddTask(0,
                  [&](WakeReasons) {
                    seen = Worker::Current()->last_wake();
                    looked.Open();
                  })
        ->Wake();
    looked.Pass();
  }
  EXPECT_EQ(scheduler->Snapshot()[0].sleeps, 0u);
  EXPECT_EQ(seen.asked, 0u);
  EXPECT_EQ(seen.awake, 0u);
}

TEST(NoWakeTest, IsToldOfAWorkerWithoutAThread) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  WakeTimes seen;
  Task* task = scheduler->AddTask(
      0, [&](WakeReasons) { seen = Worker::Current()->last_wake(); });
  for (int run = 0; run < 3; ++run) {
    task->Wake();  // The second finds it asleep, as far as it ever is.
    time.Advance(microseconds(10));
    scheduler->RunUntilIdle(/*seed=*/1);
    EXPECT_EQ(seen.asked, 0u);
    EXPECT_EQ(seen.awake, 0u);
  }
}

}  // namespace
}  // namespace pinion
