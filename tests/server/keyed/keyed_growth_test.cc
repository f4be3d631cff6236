// SPDX-License-Identifier: Apache-2.0
//
// However many entries a Keyed has, one operation does little: what it moves,
// and what it allocates, is counted here.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/core/chunked_vector.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/keyed/keyed.h"
#include "pinion/tests/server/support/counted_work.h"
#include "pinion/tests/support/colliding_keys.h"
#include "pinion/tests/support/sanitized.h"

namespace pinion {
namespace {

using std::chrono::seconds;
using testing::kTimesSlower;
using testing::ResetWork;
using testing::Work;

constexpr int64_t kMany = 200'000 / kTimesSlower;

// Two segments become one at most, and the entry that is made moves too.
constexpr size_t kMaxMoved = 2 * 1024 + 8;

// A chunk, or a segment: some 64 KiB. And the directory of the segments, which
// for so many entries is smaller.
constexpr size_t kLargestBlock = size_t{80} << 10;

// Knows how often any was moved.
struct Moved {
  static inline size_t times = 0;

  Moved() = default;
  Moved(Moved&& other) noexcept : value(other.value) { ++times; }
  Moved& operator=(Moved&&) = delete;

  int64_t value = 0;
};

using Map = Keyed<Moved>;

// What the operation that moved or allocated most has moved or allocated.
struct Most {
  size_t moved = 0;
  size_t allocated = 0;
};

class KeyedGrowthTest : public ::testing::TestWithParam<WhenFull> {
 protected:
  template <typename Operation>
  auto Counted(Operation operation) {
    Moved::times = 0;
    ResetWork();
    auto result = operation();
    most_.moved = std::max(most_.moved, Moved::times);
    most_.allocated = std::max(most_.allocated, Work().largest_block);
    return result;
  }

  void Create(Map& map, int64_t number) {
    Map::Entry* const entry =
        Counted([&] { return map.FindOrCreate(number); }).value();
    entry->state.value = number;
    Counted([&] {
      map.ExpireAfter(*entry, seconds(1 + number % 1000));
      return 0;
    });
  }
  bool Erase(Map& map, int64_t number) {
    return Counted([&] { return map.Erase(number); });
  }
  KeyedOptions Options() const {
    return {.when_full = GetParam(), .clock = time_.clock()};
  }

  FakeClock time_;
  Most most_;
};

INSTANTIATE_TEST_SUITE_P(, KeyedGrowthTest,
                         ::testing::Values(WhenFull::kRefuse, WhenFull::kEvict),
                         [](const auto& info) {
                           return info.param == WhenFull::kEvict ? "Evicting"
                                                                 : "Refusing";
                         });

TEST_P(KeyedGrowthTest, NoOperationMovesOrAllocatesMoreBecauseThereAreMany) {
  Map map(Options());
  for (int64_t i = 0; i < kMany; ++i) Create(map, i);
  EXPECT_LE(most_.moved, kMaxMoved);
  EXPECT_LE(most_.allocated, kLargestBlock);

  most_ = {};
  for (int64_t i = 0; i < kMany; ++i) {
    ASSERT_EQ(Counted([&] { return map.Find(i); })->state.value, i);
  }
  EXPECT_EQ(most_.moved, 0u);
  EXPECT_EQ(most_.allocated, 0u);

  for (int64_t i = 0; i < kMany; i += 2) ASSERT_TRUE(Erase(map, i));
  time_.Advance(seconds(1000));
  while (map.size() > 0) {
    Counted([&] { return map.RunTimers(100); });
  }
  EXPECT_EQ(most_.moved, 0u) << "what goes moves nothing else";
  EXPECT_LE(most_.allocated, kLargestBlock);
}

TEST_P(KeyedGrowthTest, MemoryGoesBackInStepsWhenEntriesGo) {
  Map map(Options());
  const size_t held_by_few = Work().held;
  for (int64_t i = 0; i < kMany; ++i) Create(map, i);
  const size_t held_by_many = Work().held - held_by_few;

  // One of a hundred stays.
  for (int64_t i = 0; i < kMany; ++i) {
    if (i % 100 == 0) continue;
    ASSERT_TRUE(Erase(map, i));
  }
  most_ = {};
  for (int64_t i = 1; i < kMany; ++i) {
    if (i % 100 == 0) continue;
    Create(map, i);
    ASSERT_TRUE(Erase(map, i));
  }
  EXPECT_LE(most_.moved, kMaxMoved);
  EXPECT_LE(most_.allocated, kLargestBlock);
  // A few chunks stay of each kind.
  EXPECT_LT(Work().held - held_by_few, held_by_many / 10 + (size_t{1} << 19));
  for (int64_t i = 0; i < kMany; i += 100) {
    ASSERT_EQ(map.Find(i)->state.value, i);
  }
}

TEST_P(KeyedGrowthTest, WhereAllIsErasedInAVisitTheTableIsGivenBackAtItsEnd) {
  Map map(Options());
  for (int64_t i = 0; i < kMany; ++i) Create(map, i);
  const size_t held_by_many = Work().held;
  most_ = {};
  Counted([&] {
    map.Visit([&](Map::Entry& entry) { map.Erase(entry); });
    return 0;
  });
  EXPECT_EQ(most_.moved, 0u);
  EXPECT_EQ(map.size(), 0u);
  // The cells are the larger part; nodes go when others come.
  EXPECT_LT(Work().held, held_by_many * 2 / 3 + (size_t{1} << 18));
  for (int64_t i = 0; i < kMany; ++i) Create(map, i);
  EXPECT_EQ(map.size(), static_cast<size_t>(kMany));
}

TEST_P(KeyedGrowthTest, WhatStaysKeepsItsTimesAndTheOrderOfUse) {
  constexpr int64_t kFew = 8 * ChunkedVector<internal::KeyedNode>::kChunk;
  KeyedOptions options = Options();
  int64_t each;
  {
    Map one;
    ASSERT_TRUE(one.FindOrCreate(1).ok());
    each = one.bytes();
  }
  options.max_bytes = kFew * each;
  Map map(options);
  for (int64_t i = 0; i < kFew; ++i) Create(map, i);
  std::vector<int64_t> stay;
  for (int64_t i = 0; i < kFew; ++i) {
    if (i % 8 == 3) {
      stay.push_back(i);
    } else {
      ASSERT_TRUE(map.Erase(i));
    }
  }
  std::shuffle(stay.begin(), stay.end(), std::mt19937_64(1));
  for (const int64_t number : stay) ASSERT_NE(map.Find(number), nullptr);
  // For each that comes, two places go back.
  const size_t held = Work().held;
  for (int64_t i = 0; i < kFew; ++i) {
    Create(map, kFew + i);
    ASSERT_TRUE(map.Erase(kFew + i));
  }
  EXPECT_LT(Work().held, held);

  const Moment now = time_.Now();
  for (const int64_t number : stay) {
    const Map::Entry* const entry = map.Find(number);
    ASSERT_NE(entry, nullptr);
    ASSERT_EQ(entry->state.value, number);
    ASSERT_EQ(entry->expires(), now + seconds(1 + number % 1000));
  }
  std::vector<int64_t> gone;
  map.OnGone(
      [&](Map::Entry& entry, WhyGone) { gone.push_back(entry.state.value); });
  if (GetParam() == WhenFull::kEvict) {
    for (int64_t i = 2 * kFew; gone.size() < stay.size(); ++i) Create(map, i);
    EXPECT_EQ(gone, stay);
    return;
  }
  const auto sooner = [](int64_t a, int64_t b) { return a % 1000 < b % 1000; };
  time_.Advance(seconds(1000));
  while (map.RunTimers().has_value()) {
  }
  EXPECT_EQ(gone.size(), stay.size());
  EXPECT_TRUE(std::is_sorted(gone.begin(), gone.end(), sooner));
}

TEST_P(KeyedGrowthTest, KeysThatAllHaveTheRoutersHashAreKeptLikeAnyOthers) {
  const std::vector<std::string> keys =
      testing::CollidingKeys(50'000 / kTimesSlower);
  Map map(Options());
  for (size_t i = 0; i < keys.size(); ++i) {
    ASSERT_EQ(map.SlotOfKey(keys[i]), map.SlotOfKey(keys[0]));
    Map::Entry* const entry =
        Counted([&] { return map.FindOrCreate(keys[i]); }).value();
    entry->state.value = static_cast<int64_t>(i);
  }
  EXPECT_LE(most_.moved, kMaxMoved);
  for (size_t i = 0; i < keys.size(); ++i) {
    ASSERT_EQ(map.Find(keys[i])->state.value, static_cast<int64_t>(i));
  }
}

}  // namespace
}  // namespace pinion
