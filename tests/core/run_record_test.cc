// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/run_record.h"

#include <atomic>
#include <cstdint>
#include <thread>

#include "gtest/gtest.h"
#include "pinion/core/tally.h"

namespace pinion {
namespace {

// Tasks are only named here, never touched.
const Task* TaskNumber(uint64_t number) {
  return reinterpret_cast<const Task*>(number * 64);
}

TEST(RunRecordTest, ShowsTheRunUnderWayAndNoneBetweenRuns) {
  RunRecord record;
  EXPECT_FALSE(record.Look().has_value());
  record.Begin(TaskNumber(1), 7);
  ASSERT_TRUE(record.Look().has_value());
  EXPECT_EQ(record.Look()->task, TaskNumber(1));
  EXPECT_EQ(record.Look()->begun, 7u);
  record.End();
  EXPECT_FALSE(record.Look().has_value());
}

TEST(RunRecordTest, NeverShowsTheTaskOfOneRunWithTheBeginOfAnother) {
  constexpr uint64_t kRuns = 300'000;
  RunRecord record;
  std::atomic<bool> begun{false};
  std::thread worker([&] {
    for (uint64_t run = 1; run <= kRuns; ++run) {
      record.Begin(TaskNumber(run), run);
      begun = true;
      if (run < kRuns) record.End();
    }
  });
  while (!begun) std::this_thread::yield();
  uint64_t last = 0;
  while (last < kRuns) {
    const auto run = record.Look();
    if (!run.has_value()) continue;
    ASSERT_EQ(run->task, TaskNumber(run->begun));
    ASSERT_GE(run->begun, last);
    last = run->begun;
  }
  worker.join();
}

TEST(TallyTest, CountsAndKeepsTheHighest) {
  Tally tally;
  tally.Add(2);
  tally.Add(3);
  EXPECT_EQ(tally.value(), 5u);
  tally.RaiseTo(4);
  EXPECT_EQ(tally.value(), 5u);
  tally.RaiseTo(6);
  EXPECT_EQ(tally.value(), 6u);
  tally.Set(1);
  EXPECT_EQ(tally.value(), 1u);
}

}  // namespace
}  // namespace pinion
