// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/chunked_vector.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/server/testing/seed.h"

namespace pinion {
namespace {

// Some KiB, so that a chunk has 16 of them.
struct Large {
  uint64_t value = 0;
  char rest[4000] = {};
};
using Vector = ChunkedVector<Large>;

TEST(ChunkedVectorTest, NoElementMovesBecauseOthersCome) {
  Vector vector;
  std::vector<const Large*> places;
  for (uint64_t i = 0; i < 1000; ++i) {
    vector.push_back({.value = i});
    places.push_back(&vector[i]);
  }
  for (uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(&vector[i], places[i]);
    EXPECT_EQ(vector[i].value, i);
  }
}

TEST(ChunkedVectorTest, AgreesWithAVectorWhateverIsDone) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  Vector vector;
  std::vector<uint64_t> expected;
  for (uint64_t step = 0; step < 20'000; ++step) {
    const bool grows = step / 500 % 2 == 0;
    if (random() % 4 == 0 ? !grows : grows) {
      vector.push_back({.value = step});
      expected.push_back(step);
    } else if (!expected.empty()) {
      vector.pop_back();
      expected.pop_back();
    }
    ASSERT_EQ(vector.size(), expected.size());
    ASSERT_EQ(vector.empty(), expected.empty());
    if (expected.empty()) continue;
    ASSERT_EQ(vector.back().value, expected.back());
    const size_t any = random() % expected.size();
    ASSERT_EQ(vector[any].value, expected[any]);
    vector[any].value = expected[any] = random();
  }
}

}  // namespace
}  // namespace pinion
