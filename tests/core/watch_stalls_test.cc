// SPDX-License-Identifier: Apache-2.0
#include "core/watch_stalls.h"

#include <chrono>
#include <memory>
#include <string>

#include "core/scheduler.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::testing::HasSubstr;

TEST(WatchStallsTest, NamesTheTaskThatHoldsItsWorker) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  Gate held, reported;
  std::string line;
  auto watch =
      WatchStalls(*scheduler, {.threshold = std::chrono::milliseconds(10)},
                  [&](const StallReport& report) {
                    if (!line.empty()) return;
                    line = Describe(report, report.task->name());
                    reported.Open();
                  });
  ASSERT_TRUE(watch.ok()) << watch.status();
  scheduler->AddTask(0, {.name = "slow"}, [&](WakeReasons) { held.Pass(); })
      ->Wake();
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
