// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/log/log_limits.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/log.h"

namespace pinion {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kMost = LogLimits::kMostInASpan;

LogRecord Threw(std::string method) {
  return {.level = LogLevel::kError,
          .area = LogArea::kLane,
          .event = "handler_threw",
          .method = std::move(method)};
}

class LogLimitsTest : public ::testing::Test {
 protected:
  // How many of `count` such records are written.
  int Written(const LogRecord& record, int count) {
    int written = 0;
    for (int i = 0; i < count; ++i) written += limits_.Take(record).writes;
    return written;
  }

  FakeClock time_;
  LogLimits limits_{time_.clock()};
};

TEST_F(LogLimitsTest, WritesOfManyLinesTheFirstTenAndKnowsTheLastOfThem) {
  for (int i = 1; i <= kMost; ++i) {
    const LogLimits::Turn turn = limits_.Take(Threw("/a.B/C"));
    EXPECT_TRUE(turn.writes);
    EXPECT_EQ(turn.is_last_of_span, i == kMost);
    EXPECT_EQ(turn.left_out_before, 0u);
  }
  EXPECT_EQ(Written(Threw("/a.B/C"), 1000), 0);
}

TEST_F(LogLimitsTest, TellsWithTheNextLineHowManyWereLeftOut) {
  Written(Threw("/a.B/C"), kMost + 7);
  time_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(limits_.Take(Threw("/a.B/C")).left_out_before, 7u);
  EXPECT_EQ(limits_.Take(Threw("/a.B/C")).left_out_before, 0u);
  EXPECT_THAT(limits_.TakeLeftOut(), IsEmpty());
  EXPECT_EQ(limits_.left_out_in_all(), 7u) << "whatever was told";
}

TEST_F(LogLimitsTest, TellsAtTheEndOfThoseThatNoLineHasFollowed) {
  Written(Threw("/a.B/C"), kMost + 1);
  Written(Threw("/a.B/D"), kMost);
  Written(Threw("/b.B/C"), kMost);
  const std::vector<LogRecord> left_out = limits_.TakeLeftOut();
  ASSERT_THAT(left_out, SizeIs(1));
  EXPECT_EQ(left_out[0].message,
            "lines about handler_threw were left out after the last one");
  EXPECT_EQ(left_out[0].left_out, 11u);
  EXPECT_EQ(left_out[0].method, "a.B");
  EXPECT_EQ(left_out[0].event, "handler_threw");
  EXPECT_EQ(left_out[0].level, LogLevel::kError);
  EXPECT_EQ(left_out[0].area, LogArea::kLane);
  EXPECT_THAT(limits_.TakeLeftOut(), IsEmpty());
  time_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(limits_.Take(Threw("/a.B/C")).left_out_before, 0u);
}

TEST_F(LogLimitsTest, ASlowRateIsNeverLimited) {
  for (int i = 0; i < 10 * kMost; ++i) {
    EXPECT_EQ(Written(Threw("/a.B/C"), 1), 1);
    time_.Advance(std::chrono::milliseconds(200));
  }
}

TEST_F(LogLimitsTest, WhatOneServicesClientsCauseHidesNothingOfAnothers) {
  EXPECT_EQ(Written(Threw("/a.B/C"), 1000), kMost);
  EXPECT_EQ(Written(Threw("/a.B/Other"), 1000), 0) << "the same service";
  EXPECT_EQ(Written(Threw("a.B"), 1000), 0) << "the same service";
  EXPECT_EQ(Written(Threw("/a.C/C"), 1000), kMost);
}

TEST_F(LogLimitsTest, OneEventHidesNoOther) {
  EXPECT_EQ(Written(Threw("/a.B/C"), 1000), kMost);
  LogRecord dropped = Threw("/a.B/C");
  dropped.event = "call_dropped";
  EXPECT_EQ(Written(dropped, 1000), kMost);
}

TEST_F(LogLimitsTest, ALineWithoutAnEventIsAlwaysWritten) {
  EXPECT_EQ(Written({.message = "the program's own"}, 1000), 1000);
}

TEST_F(LogLimitsTest, TheyTakeBoundedMemoryHoweverManyEventsThereAre) {
  int written = 0;
  const int kinds = static_cast<int>(LogLimits::kMostKinds);
  for (int i = 0; i < 2 * kinds; ++i) {
    written += Written({.event = absl::StrCat("event ", i)}, 1);
  }
  EXPECT_EQ(written, kinds + kMost) << "those beyond share one limit";
  const std::vector<LogRecord> left_out = limits_.TakeLeftOut();
  ASSERT_THAT(left_out, SizeIs(1));
  EXPECT_EQ(left_out[0].left_out, static_cast<uint64_t>(kinds - kMost));
}

}  // namespace
}  // namespace pinion
