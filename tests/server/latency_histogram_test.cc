// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/latency_histogram.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/server/testing/seed.h"

namespace pinion {
namespace {

using internal::LatencyBuckets;
using ::pinion::testing::Seed;

constexpr uint64_t kLongest = (uint64_t{1} << LatencyBuckets::kLongestBits) - 1;

// Of any size: as many bits as are drawn.
uint64_t DrawNanos(std::mt19937_64& random) {
  return random() >> (64 - LatencyBuckets::kLongestBits +
                      random() % LatencyBuckets::kLongestBits);
}

TEST(LatencyHistogramTest, EachTimeHasOneBucketAndTheyLieInOrder) {
  EXPECT_EQ(LatencyBuckets::Of(0), 0u);
  for (size_t i = 0; i + 1 < LatencyBuckets::kCount; ++i) {
    ASSERT_EQ(LatencyBuckets::Of(LatencyBuckets::LastOf(i)), i);
    ASSERT_EQ(LatencyBuckets::Of(LatencyBuckets::LastOf(i) + 1), i + 1);
  }
  EXPECT_EQ(LatencyBuckets::LastOf(LatencyBuckets::kCount - 1), kLongest);
}

TEST(LatencyHistogramTest, ABucketIsNoWiderThanAThirtySecondOfWhatItHolds) {
  const Seed seed;
  std::mt19937_64 random(seed.value());
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t nanos = DrawNanos(random);
    const uint64_t last = LatencyBuckets::LastOf(LatencyBuckets::Of(nanos));
    ASSERT_GE(last, nanos);
    ASSERT_LE(last, nanos + nanos / 32) << nanos;
  }
}

TEST(LatencyHistogramTest, WhatIsLongerThanTheLongestCountsAsThat) {
  const auto histogram = std::make_unique<LatencyHistogram>();
  histogram->Record(kLongest + 1);
  histogram->Record(UINT64_MAX / 4);
  LatencySummary summary;
  summary.Add(*histogram);
  EXPECT_EQ(summary.count(), 2u);
  EXPECT_EQ(summary.Percentile(0), kLongest);
  EXPECT_EQ(summary.Percentile(1), kLongest);
}

TEST(LatencyHistogramTest, SaysNothingOfNothing) {
  const LatencySummary summary;
  EXPECT_EQ(summary.count(), 0u);
  EXPECT_EQ(summary.mean_ns(), 0);
  EXPECT_EQ(summary.Percentile(0.5), 0u);
}

TEST(LatencyHistogramTest, ASumOfHistogramsAgreesWithASortedList) {
  const Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 100; ++round) {
    const auto one = std::make_unique<LatencyHistogram>();
    const auto other = std::make_unique<LatencyHistogram>();
    std::vector<uint64_t> all(1 + random() % 500);
    double sum = 0;
    for (uint64_t& nanos : all) {
      nanos = DrawNanos(random);
      sum += static_cast<double>(nanos);
      (random() % 2 == 0 ? *one : *other).Record(nanos);
    }
    LatencySummary summary;
    summary.Add(*one);
    summary.Add(*other);
    std::sort(all.begin(), all.end());
    ASSERT_EQ(summary.count(), all.size());
    // They may all be 0.
    ASSERT_NEAR(summary.mean_ns() * all.size(), sum, sum * 1e-9);
    for (const double rank : {0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const size_t index =
          std::min(static_cast<size_t>(rank * all.size()), all.size() - 1);
      ASSERT_EQ(summary.Percentile(rank),
                LatencyBuckets::LastOf(LatencyBuckets::Of(all[index])))
          << rank << " of " << all.size();
    }
  }
}

TEST(LatencyHistogramTest, CanBeAddedWhileItsOwnerRecords) {
  constexpr uint64_t kTimes = 10'000;
  const auto histogram = std::make_unique<LatencyHistogram>();
  std::thread owner([&] {
    for (uint64_t i = 0; i < kTimes; ++i) histogram->Record(i % 100);
  });
  uint64_t last = 0;
  bool shrank = false;
  while (last < kTimes) {
    LatencySummary summary;
    summary.Add(*histogram);
    shrank |= summary.count() < last;
    last = summary.count();
  }
  owner.join();
  EXPECT_FALSE(shrank);
  EXPECT_EQ(last, kTimes);
}

}  // namespace
}  // namespace pinion
