// SPDX-License-Identifier: Apache-2.0
//
// A Keyed whose entries go by themselves, under the test's own clock.
#include "pinion/server/keyed/keyed_expiry.h"

#include <chrono>
#include <string>

#include "gtest/gtest.h"
#include "pinion/server/keyed/keyed.h"
#include "pinion/tests/server/support/shard_world.h"

namespace pinion {
namespace {

using ::pinion::testing::ShardWorld;
using ::pinion::testing::WorldShard;

constexpr auto kMilli = std::chrono::milliseconds(1);
constexpr auto kNano = std::chrono::nanoseconds(1);

class KeyedExpiryTest : public ::testing::Test {
 protected:
  const ShardInfo& info() { return world_.shards[0]->info; }

  KeyedEntry<std::string>& Add(int key, std::chrono::nanoseconds span) {
    KeyedEntry<std::string>& entry = **keyed_.FindOrCreate(key);
    keyed_.ExpireAfter(entry, span);
    return entry;
  }

  struct OpenWorld : ShardWorld {
    OpenWorld() : ShardWorld(/*workers=*/1, /*lane_calls=*/10) { Open(); }
  };

  OpenWorld world_;
  Keyed<std::string> keyed_{
      {.key_seed = info().key_seed(), .clock = info().clock()}};
  KeyedExpiry<std::string> expiry_{info(), keyed_};
};

TEST_F(KeyedExpiryTest, EntriesGoByThemselvesWhenTheirTimeHasPassed) {
  Add(1, 2 * kMilli);
  Add(2, kMilli);
  ASSERT_TRUE(keyed_.FindOrCreate(3).ok());
  world_.Pass(kMilli - kNano);
  EXPECT_EQ(keyed_.size(), 3u);
  world_.Pass(kNano);
  EXPECT_EQ(keyed_.size(), 2u);
  world_.Pass(kMilli);
  EXPECT_EQ(keyed_.size(), 1u);
  EXPECT_EQ(keyed_.expired(), 2u);
  Add(4, kMilli);  // After it had nothing left to wait for.
  world_.Pass(kMilli);
  EXPECT_EQ(keyed_.size(), 1u);
}

TEST_F(KeyedExpiryTest, AnEntryWhoseTimeIsPutOffStays) {
  Add(1, kMilli);
  keyed_.ExpireAfter(*keyed_.Find(1), 3 * kMilli);
  world_.Pass(2 * kMilli);
  EXPECT_EQ(keyed_.size(), 1u);
  world_.Pass(kMilli);
  EXPECT_EQ(keyed_.size(), 0u);
}

TEST_F(KeyedExpiryTest, ASlotThatIsPutInIsWaitedForToo) {
  Keyed<std::string> from(
      {.key_seed = info().key_seed(), .clock = info().clock()});
  from.ExpireAfter(**from.FindOrCreate(1), kMilli);
  ASSERT_TRUE(keyed_.PutSlot(from.TakeSlot(from.SlotOfKey(1))).ok());
  EXPECT_EQ(keyed_.size(), 1u);
  world_.Pass(kMilli);
  EXPECT_EQ(keyed_.size(), 0u);
}

TEST_F(KeyedExpiryTest, ManyGoInStepsBetweenWhichCallsRun) {
  constexpr int kEntries = 100'000;
  for (int i = 0; i < kEntries; ++i) Add(i, kMilli);
  world_.Run();
  size_t left = 0;
  world_.on_call = [&](WorldShard&, CallContext&) { left = keyed_.size(); };
  world_.time.Advance(kMilli);
  world_.Step(0);  // The first steps.
  EXPECT_GT(keyed_.size(), 0u);
  EXPECT_LT(keyed_.size(), static_cast<size_t>(kEntries));
  ASSERT_TRUE(world_.Send(0).ok());
  world_.Step(0);
  EXPECT_GT(left, 0u);
  world_.Run();
  EXPECT_EQ(keyed_.size(), 0u);
}

}  // namespace
}  // namespace pinion
