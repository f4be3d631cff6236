// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/sample_steps.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace pinion {
namespace {

TEST(SampleStepsTest, SampleEachCallIfThatIsAskedFor) {
  SampleSteps steps(7);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(steps.Next(1), 1u);
}

TEST(SampleStepsTest, AreAsLongOnAverageAsIsAskedFor) {
  for (const uint64_t of : {2, 64, 1'000'000}) {
    SampleSteps steps(of);
    constexpr int kSteps = 100'000;
    double sum = 0;
    for (int i = 0; i < kSteps; ++i) {
      const uint64_t step = steps.Next(of);
      ASSERT_GE(step, 1u);
      ASSERT_LT(step, 2 * of);
      sum += static_cast<double>(step);
    }
    EXPECT_NEAR(sum / kSteps / static_cast<double>(of), 1, 0.02) << of;
  }
}

// Each call of a batch is sampled as often as the others, even if the batch is
// just as large as the step.
TEST(SampleStepsTest, HitEachPlaceOfABatchEquallyOften) {
  for (const uint64_t batch : {64, 512}) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      SampleSteps steps(seed);
      std::vector<int> hits(batch);
      constexpr int kHitsOfEach = 400;
      uint64_t call = 0;
      for (uint64_t i = 0; i < kHitsOfEach * batch; ++i) {
        call += steps.Next(64);
        ++hits[call % batch];
      }
      for (const int its : hits) {
        EXPECT_GT(its, kHitsOfEach / 2) << batch << ", " << seed;
        EXPECT_LT(its, kHitsOfEach * 2) << batch << ", " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace pinion
