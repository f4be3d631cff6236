// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/watch_stalls.h"

#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/thread_times.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::testing::HasSubstr;

// Waits until `thread` is blocked, as it soon is at a gate.
void AwaitBlocked(pid_t thread) {
  while (!ReadThreadTimes(thread).value().blocked) std::this_thread::yield();
}

TEST(WatchStallsTest, NamesTheTaskThatHoldsItsWorker) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  Gate held, reported;
  pid_t thread = 0;
  scheduler
      ->AddTask(0, {.name = "slow"},
                [&](WakeReasons) {
                  thread = gettid();
                  held.Pass();
                })
      ->Wake();
  // It is not looked at before: on a busy machine it might have run for longer
  // than the threshold and not be at the gate.
  held.AwaitArrivals(1);
  AwaitBlocked(thread);
  std::string line;
  auto watch =
      WatchStalls(*scheduler, {.threshold = std::chrono::milliseconds(10)},
                  [&](const StallReport& report) {
                    if (!line.empty()) return;
                    line = Describe(report, report.task->name());
                    reported.Open();
                  });
  ASSERT_TRUE(watch.ok()) << watch.status();
  reported.Pass();
  held.Open();
  EXPECT_THAT(line, HasSubstr("worker 0: \"slow\" has run for "));
  EXPECT_THAT(line, HasSubstr("blocked now"));
}

TEST(WatchStallsTest, TellsWhichWorkerIsStalledAndThatItIsNoMore) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  Gate held, stalled, ended;
  auto watch = WatchStalls(
      *scheduler, {.threshold = std::chrono::milliseconds(10)},
      [](const StallReport&) {},
      [&](int worker, bool is_stalled) {
        EXPECT_EQ(worker, 0);
        (is_stalled ? stalled : ended).Open();
      });
  ASSERT_TRUE(watch.ok()) << watch.status();
  scheduler->AddTask(0, [&](WakeReasons) { held.Pass(); })->Wake();
  stalled.Pass();
  held.Open();
  ended.Pass();
}

}  // namespace
}  // namespace pinion
