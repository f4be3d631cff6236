// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/client/cli/random.h"

namespace pinion::cli {
namespace {

TEST(HistogramTest, EachBucketBeginsWhereTheOneBeforeItEnds) {
  EXPECT_EQ(Buckets::FirstOf(0), 0);
  for (size_t bucket = 0; bucket < Buckets::kCount; ++bucket) {
    ASSERT_EQ(Buckets::Of(Buckets::FirstOf(bucket)), bucket);
    ASSERT_EQ(Buckets::Of(Buckets::LastOf(bucket)), bucket);
    if (bucket > 0) {
      ASSERT_EQ(Buckets::FirstOf(bucket), Buckets::LastOf(bucket - 1) + 1);
    }
  }
}

TEST(HistogramTest, TellsThreeSignificantDigits) {
  for (size_t bucket = 0; bucket < Buckets::kCount; ++bucket) {
    const auto first = static_cast<double>(Buckets::FirstOf(bucket));
    ASSERT_LE(static_cast<double>(Buckets::LastOf(bucket)) - first,
              first / 1000);
  }
}

TEST(HistogramTest, WhatIsLongerThanTheLastBucketCountsInIt) {
  EXPECT_EQ(Buckets::Of(INT64_MAX), Buckets::kCount - 1);
  EXPECT_EQ(Buckets::Of(-1), 0u);
  Histogram histogram;
  histogram.Record(INT64_MAX);
  EXPECT_EQ(histogram.max(), INT64_MAX);
  EXPECT_EQ(histogram.total(), 1u);
}

TEST(HistogramTest, PercentilesAreThoseOfTheSortedTimes) {
  Random random(5);
  std::vector<int64_t> times;
  Histogram histogram;
  for (int i = 0; i < 10'000; ++i) {
    // From nanoseconds to seconds.
    times.push_back(static_cast<int64_t>(std::exp(random.Fraction() * 22)));
    histogram.Record(times.back());
  }
  std::sort(times.begin(), times.end());
  for (double percentile : {0.01, 1.0, 50.0, 90.0, 99.0, 99.9, 99.99}) {
    const auto rank = static_cast<size_t>(std::lround(percentile * 100));
    const int64_t exact = times[rank - 1];
    EXPECT_GE(histogram.AtPercentile(percentile), exact) << percentile;
    EXPECT_LE(histogram.AtPercentile(percentile), exact + exact / 1000)
        << percentile;
  }
  EXPECT_EQ(histogram.AtPercentile(100), times.back());
  EXPECT_EQ(histogram.max(), times.back());
}

TEST(HistogramTest, MeanIsExactAndDeviationNearlySo) {
  Histogram histogram;
  for (int64_t time : {1'000'000, 2'000'000, 3'000'000, 6'000'000}) {
    histogram.Record(time);
  }
  EXPECT_EQ(histogram.mean(), 3'000'000);
  EXPECT_NEAR(histogram.StandardDeviation(), std::sqrt(3.5) * 1e6, 2000);
}

TEST(HistogramTest, EmptyOneHasZeros) {
  const Histogram histogram;
  EXPECT_EQ(histogram.AtPercentile(50), 0);
  EXPECT_EQ(histogram.mean(), 0);
  EXPECT_EQ(histogram.StandardDeviation(), 0);
}

TEST(HistogramTest, SinceHasWhatCameInBetween) {
  Histogram histogram;
  histogram.Record(1'000'000);
  const Histogram earlier = histogram;
  histogram.Record(500);
  histogram.Record(700);
  const Histogram since = histogram.Since(earlier);
  EXPECT_EQ(since.total(), 2u);
  EXPECT_EQ(since.mean(), 600);
  EXPECT_EQ(since.max(), 700);
  EXPECT_EQ(since.AtPercentile(50), 500);
}

}  // namespace
}  // namespace pinion::cli
