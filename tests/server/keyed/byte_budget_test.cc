// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/keyed/byte_budget.h"

#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace pinion::internal {
namespace {

TEST(ByteBudgetTest, HasRoomUpToItsLimit) {
  ByteBudget budget(100, "max_bytes");
  EXPECT_TRUE(budget.HasRoomFor(100));
  EXPECT_FALSE(budget.HasRoomFor(101));
  budget.Add(60);
  EXPECT_EQ(budget.bytes(), 60);
  EXPECT_TRUE(budget.HasRoomFor(40));
  EXPECT_FALSE(budget.HasRoomFor(41));
  budget.Remove(10);
  EXPECT_TRUE(budget.HasRoomFor(50));
}

TEST(ByteBudgetTest, ExceedsItsLimitIfToldSo) {
  ByteBudget budget(100, "max_bytes");
  budget.Add(100);
  EXPECT_TRUE(budget.HasRoomFor(0));
  budget.Add(1);  // A state has grown.
  EXPECT_FALSE(budget.HasRoomFor(0));
  budget.Remove(1);
  EXPECT_TRUE(budget.HasRoomFor(0));
}

TEST(ByteBudgetTest, KnowsWhatCanNeverFit) {
  ByteBudget budget(100, "max_bytes");
  budget.Add(100);
  EXPECT_TRUE(budget.CanHold(100));
  EXPECT_FALSE(budget.CanHold(101));
}

TEST(ByteBudgetTest, HasRoomForAllIfThereIsNoLimit) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  ByteBudget budget(kMax, "max_bytes");
  budget.Add(kMax / 2);
  EXPECT_TRUE(budget.HasRoomFor(kMax / 2));
  EXPECT_TRUE(budget.CanHold(kMax));
}

TEST(ByteBudgetTest, CountsWhatWasEvicted) {
  ByteBudget budget(100, "max_bytes");
  EXPECT_EQ(budget.evicted(), 0u);
  budget.CountEvicted();
  budget.CountEvicted();
  EXPECT_EQ(budget.evicted(), 2u);
}

TEST(ByteBudgetTest, SaysWhatHasNoRoomAndWhatToDo) {
  const ByteBudget budget(100, "--kv_bytes");
  const absl::Status full = budget.NoRoom(
      {.what = "the entry of \"a\"", .needs = 60, .used = 70, .entries = 2});
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(full.message(),
            "the entry of \"a\" takes 60 bytes, and the other 2 entries of "
            "this shard 70 of the 100 that its state may take; erase some, "
            "give them a time to live, raise --kv_bytes, or have the least "
            "recently used evicted");
  const absl::Status too_large =
      budget.NoRoom({.what = "slot 7", .needs = 101, .used = 0, .entries = 0});
  EXPECT_EQ(too_large.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(too_large.message(),
            "slot 7 takes 101 bytes, more than the 100 that one shard's state "
            "may take in all; make it smaller, or raise --kv_bytes");
}

}  // namespace
}  // namespace pinion::internal
