// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/key_distribution.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/client/cli/random.h"

namespace pinion::cli {
namespace {

constexpr uint64_t kSeed = 12;
constexpr int kDraws = 200'000;

std::vector<double> CountsOf(const KeyDistribution& keys, int draws = kDraws) {
  Random random(kSeed);
  std::vector<double> counts(keys.keys());
  for (int i = 0; i < draws; ++i) counts.at(keys.Draw(random)) += 1;
  return counts;
}

// Pearson's, over keys of which at least 5 are expected; the rest is one more.
// Returns how many standard deviations it is beyond its mean, by Wilson and
// Hilferty's approximation: 4 is one case in 30,000.
double ChiSquareExcess(const std::vector<double>& counts,
                       const std::vector<double>& weights) {
  double sum_of_weights = 0;
  for (double weight : weights) sum_of_weights += weight;
  double square = 0, rest_expected = 0, rest = 0;
  int kinds = 0;
  const auto add = [&](double count, double expected) {
    square += (count - expected) * (count - expected) / expected;
    ++kinds;
  };
  for (size_t key = 0; key < counts.size(); ++key) {
    const double expected = kDraws * weights[key] / sum_of_weights;
    if (expected >= 5) {
      add(counts[key], expected);
    } else {
      rest += counts[key];
      rest_expected += expected;
    }
  }
  if (rest_expected >= 5) add(rest, rest_expected);
  const double freedom = kinds - 1;
  const double width = 2 / (9 * freedom);
  return (std::cbrt(square / freedom) - (1 - width)) / std::sqrt(width);
}

std::vector<double> ZipfWeights(uint64_t keys, double exponent) {
  std::vector<double> weights;
  for (uint64_t key = 0; key < keys; ++key) {
    weights.push_back(std::pow(static_cast<double>(key + 1), -exponent));
  }
  return weights;
}

TEST(KeyDistributionTest, UniformDrawsEachKeyAsOftenAsAnyOther) {
  for (uint64_t keys : {2u, 3u, 1000u, 4096u}) {
    EXPECT_LT(ChiSquareExcess(CountsOf(KeyDistribution::Uniform(keys)),
                              std::vector<double>(keys, 1.0)),
              4)
        << keys;
  }
}

TEST(KeyDistributionTest, ZipfDrawsAsItsLawSaysAlsoAtAndBelowExponentOne) {
  for (double exponent : {0.2, 0.5, 0.99, 1.0, 1.000001, 1.2, 2.0, 5.0}) {
    for (uint64_t keys : {2u, 3u, 10u, 1000u, 100'000u}) {
      EXPECT_LT(ChiSquareExcess(CountsOf(KeyDistribution::Zipf(keys, exponent)),
                                ZipfWeights(keys, exponent)),
                4)
          << exponent << " over " << keys;
    }
  }
}

// What the above is worth: another law is seen at once.
TEST(KeyDistributionTest, AnotherExponentIsToldFromThisOne) {
  EXPECT_GT(ChiSquareExcess(CountsOf(KeyDistribution::Zipf(1000, 0.99)),
                            ZipfWeights(1000, 0.95)),
            20);
}

TEST(KeyDistributionTest, ZipfOfAMillionKeysHasTheShareThatTheHelpTells) {
  const auto counts = CountsOf(KeyDistribution::Zipf(1'000'000, 0.99));
  EXPECT_NEAR(counts[0] / kDraws, 1 / 15.4, 0.002);
}

TEST(KeyDistributionTest, ZipfStaysWithinItsKeysAtTheEndsOfItsRange) {
  Random random(kSeed);
  for (double exponent : {1e-9, 0.5, 1.0, 20.0}) {
    for (uint64_t keys : {uint64_t{1}, uint64_t{2}, uint64_t{1} << 40}) {
      const auto zipf = KeyDistribution::Zipf(keys, exponent);
      for (int i = 0; i < 10'000; ++i) ASSERT_LT(zipf.Draw(random), keys);
    }
  }
}

TEST(KeyDistributionTest, OneDrawsTheFirstKeyAlone) {
  EXPECT_EQ(CountsOf(KeyDistribution::One(10))[0], kDraws);
}

TEST(KeyDistributionTest, TheSameSeedDrawsTheSameKeys) {
  const auto zipf = KeyDistribution::Zipf(1000, 0.99);
  Random one(7), same(7), other(8);
  int equal_to_other = 0;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t key = zipf.Draw(one);
    ASSERT_EQ(zipf.Draw(same), key);
    if (zipf.Draw(other) == key) ++equal_to_other;
  }
  EXPECT_LT(equal_to_other, 100);
}

// So that a run can be repeated on another machine, after another build.
TEST(KeyDistributionTest, ASeedDrawsWhatItAlwaysHas) {
  Random random(1);
  EXPECT_EQ(random.Next(), 0x910a2dec89025cc1u);
  EXPECT_EQ(random.Next(), 0xbeeb8da1658eec67u);
}

}  // namespace
}  // namespace pinion::cli
