// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/process_hash.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/proto/wire/key_reader.h"
#include "pinion/tests/support/colliding_keys.h"

namespace pinion {
namespace {

constexpr int kBits = 64;
constexpr int kBucketBits = 16;
constexpr size_t kKeys = 50'000;

// Of 65,536 buckets, chosen by so many bits of a hash from `lowest` on, what
// the fullest holds. Of 50,000 random hashes it is 16 once in 5 * 10^10 times.
constexpr uint32_t kFullest = 15;
uint32_t Fullest(const std::vector<uint64_t>& hashes, int lowest) {
  std::vector<uint32_t> held(size_t{1} << kBucketBits);
  for (const uint64_t hash : hashes) {
    ++held[std::rotr(hash, lowest) % held.size()];
  }
  return *std::max_element(held.begin(), held.end());
}

// Each run has another secret, so that no seed needs to be drawn.
void ExpectSpread(const std::vector<uint64_t>& hashes) {
  for (int lowest = 0; lowest < kBits; lowest += 5) {
    ASSERT_LE(Fullest(hashes, lowest), kFullest)
        << "of the bits from " << lowest << " on";
  }
}

template <typename Key>
std::vector<uint64_t> HashesOf(const std::vector<Key>& keys) {
  std::vector<uint64_t> hashes;
  for (const Key& key : keys) hashes.push_back(ProcessHash()(key));
  return hashes;
}

TEST(ProcessHashTest, KeysThatAllHaveTheRoutersHashSpreadOverAllBuckets) {
  const std::vector<std::string> keys = testing::CollidingKeys(kKeys);
  for (const std::string& key : keys) {
    ASSERT_EQ(Key::FromBytes(key).Hash(0), Key::FromBytes(keys[0]).Hash(0));
  }
  ExpectSpread(HashesOf(keys));
}

TEST(ProcessHashTest, IntegersSpreadHoweverTheyWereChosen) {
  std::vector<uint64_t> counted, high, sparse, inverse;
  for (uint64_t i = 0; i < kKeys; ++i) {
    counted.push_back(i);
    high.push_back(i << 48);
    sparse.push_back((i & 0xff) | (i & 0xff00) << 40);
    inverse.push_back(i * 0x9fb21c651e98df25);  // A factor of XXH3's.
  }
  for (const auto* integers : {&counted, &high, &sparse, &inverse}) {
    ExpectSpread(HashesOf(*integers));
  }
}

TEST(ProcessHashTest, ShortAndLongKeysSpread) {
  for (const size_t bytes : {5, 8, 9, 16, 17, 128, 129, 240, 241, 1024}) {
    std::vector<std::string> keys;
    for (size_t i = 0; i < kKeys; ++i) {
      std::string key = absl::StrCat(i);
      key.insert(0, bytes - key.size(), '0');
      keys.push_back(key);
    }
    ExpectSpread(HashesOf(keys));
  }
}

TEST(ProcessHashTest, KeysThatDifferInOneByteOrInLengthAreToldApart) {
  std::set<std::string> keys;
  for (size_t bytes = 0; bytes <= 32; ++bytes) {
    const std::string zeros(bytes, '\0');
    keys.insert(zeros);
    for (size_t at = 0; at < bytes; ++at) {
      for (const char other : {'\1', '\x7f', '\x80', '\xff'}) {
        std::string key = zeros;
        key[at] = other;
        keys.insert(key);
      }
    }
  }
  std::set<uint64_t> hashes;
  for (const std::string& key : keys) hashes.insert(ProcessHash()(key));
  EXPECT_EQ(hashes.size(), keys.size());
}

TEST(ProcessHashTest, AHashIsTheSameWhileTheProcessRuns) {
  EXPECT_EQ(ProcessHash()(std::string("alice")),
            ProcessHash()(absl::string_view("alice")));
  EXPECT_EQ(ProcessHash()(int32_t{7}), ProcessHash()(uint64_t{7}));
}

TEST(ProcessHashTest, EachProcessDrawsASecretOfItsOwn) {
  const internal::HashSecret one = internal::HashSecret::Draw();
  const internal::HashSecret other = internal::HashSecret::Draw();
  EXPECT_FALSE(std::equal(std::begin(one.xxh3), std::end(one.xxh3),
                          std::begin(other.xxh3)));
  for (const auto& [a, b] : {std::pair(one.factors[0], other.factors[0]),
                             std::pair(one.factors[1], other.factors[1]),
                             std::pair(one.word_addend, other.word_addend),
                             std::pair(one.addends[0], other.addends[0]),
                             std::pair(one.addends[16], other.addends[16])}) {
    EXPECT_NE(a.low, b.low);
    EXPECT_NE(a.high, b.high);
  }
}

TEST(ProcessHashTest, ATableOfStringsIsAskedWithoutACopy) {
  HashMap<std::string, int> map;
  map["alice"] = 1;
  EXPECT_TRUE(map.contains(absl::string_view("alice")));
  HashSet<std::string> set;
  set.insert("alice");
  EXPECT_TRUE(set.contains(absl::string_view("alice")));
}

}  // namespace
}  // namespace pinion
