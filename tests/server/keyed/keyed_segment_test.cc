// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/keyed/keyed_segment.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/proto/wire/process_hash.h"
#include "pinion/server/keyed/control_bytes.h"
#include "pinion/server/testing/seed.h"
#include "pinion/tests/support/colliding_keys.h"

namespace pinion::internal {
namespace {

struct Numbered {
  uint64_t number = 0;
  std::string owned = "a value that is too long to lie within a string";
};

using Segment = KeyedSegment<Numbered>;

class KeyedSegmentTest : public ::testing::Test {
 protected:
  explicit KeyedSegmentTest(size_t cells = 64)
      : cells_(cells), segment_(Segment::Make(cells, 0, pool_)) {}
  ~KeyedSegmentTest() override { segment_.Drop(cells_, pool_); }

  Numbered* Add(uint64_t number, uint64_t hash) {
    Numbered made{.number = number};
    return segment_.Add(hash, cells_, made);
  }
  Numbered* Find(uint64_t number, uint64_t hash) {
    return segment_.Find(hash, cells_, [&](const Numbered& numbered) {
      ++compared_;
      return numbered.number == number;
    });
  }

  const size_t cells_;
  BlockPool pool_{Segment::kPoolBlockBytes};
  Segment segment_;
  size_t compared_ = 0;
};

TEST_F(KeyedSegmentTest, IsFullBeforeASearchWouldNotEnd) {
  for (uint64_t i = 0; i < Segment::MaxEntries(cells_); ++i) {
    ASSERT_NE(Add(i, /*hash=*/5), nullptr) << "all begin at one cell";
  }
  Numbered more{.number = 99};
  EXPECT_EQ(segment_.Add(5, cells_, more), nullptr);
  EXPECT_FALSE(more.owned.empty()) << "and it is as it was";
  for (uint64_t i = 0; i < Segment::MaxEntries(cells_); ++i) {
    ASSERT_EQ(Find(i, 5)->number, i);
  }
  EXPECT_EQ(Find(99, 5), nullptr);
}

TEST_F(KeyedSegmentTest, AgreesWithAPlainMapWhateverIsDone) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  std::map<uint64_t, uint64_t> expected;  // Hashes, by number.
  for (int step = 0; step < 100'000; ++step) {
    const uint64_t number = random() % 80;
    // Few places to begin at, and few tags: much collides.
    const uint64_t hash = number % 3 << 8 | number % 5;
    Numbered* const found = Find(number, hash);
    ASSERT_EQ(found != nullptr, expected.contains(number));
    if (found != nullptr) {
      ASSERT_EQ(found->owned, Numbered().owned);
      segment_.Remove(*found);
      expected.erase(number);
    } else if (Add(number, hash) != nullptr) {
      expected[number] = hash;
    }
    ASSERT_EQ(segment_.size(), expected.size());
  }
  std::set<uint64_t> seen;
  segment_.Visit(cells_, [&](Numbered& numbered) {
    EXPECT_TRUE(seen.insert(numbered.number).second);
  });
  EXPECT_EQ(seen.size(), expected.size());
}

class LargeSegmentTest : public KeyedSegmentTest {
 protected:
  LargeSegmentTest() : KeyedSegmentTest(65536) {}
};

TEST_F(LargeSegmentTest, KeysThatAllHaveTheRoutersHashAreFoundByOneComparison) {
  const std::vector<std::string> keys = testing::CollidingKeys(50'000);
  for (size_t i = 0; i < keys.size(); ++i) {
    ASSERT_NE(Add(i, ProcessHash()(keys[i])), nullptr);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    ASSERT_NE(Find(i, ProcessHash()(keys[i])), nullptr);
  }
  // One of 254 others has the same tag, of those in a group that is looked at.
  EXPECT_LT(compared_, keys.size() * 9 / 8);
}

TEST(ControlBytesTest, AreSeenAlikeWithTheCpusHelpAndWithout) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    alignas(16) uint8_t bytes[ControlBytes::kCells];
    for (uint8_t& byte : bytes) {
      const uint8_t any = random() % 3;
      byte = any == 0 ? kEmpty : any == 1 ? kGone : random() % 4;
    }
    const ControlBytes with(bytes);
    const PlainControlBytes without(bytes);
    for (const uint8_t wanted : {uint8_t{0}, uint8_t{3}, kEmpty, kGone}) {
      ASSERT_EQ(with.Are(wanted), without.Are(wanted));
    }
    ASSERT_EQ(with.AreNotFull(), without.AreNotFull());
    ASSERT_EQ(with.AreNotFull(), with.Are(kEmpty) | with.Are(kGone));
  }
}

}  // namespace
}  // namespace pinion::internal
