// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/spin.h"

#include "gtest/gtest.h"

namespace pinion {
namespace {

TEST(SpinAdviceTest, AdaptsToWhetherMostOfTheLastWaitsWereShort) {
  SpinAdvice advice(SpinPolicy::kAdaptive);
  EXPECT_FALSE(advice.worthwhile()) << "nothing is known yet";
  int shorts = 0;
  for (; !advice.worthwhile(); ++shorts) advice.Learn(true);
  EXPECT_GT(shorts, 4) << "a few short waits are chance";
  for (int i = 0; i < 1000; ++i) advice.Learn(true);
  EXPECT_TRUE(advice.worthwhile());
  advice.Learn(false);
  EXPECT_TRUE(advice.worthwhile()) << "one long wait is chance";
  int longs = 1;
  for (; advice.worthwhile(); ++longs) advice.Learn(false);
  EXPECT_LT(longs, 20) << "a thousand good ones are soon forgotten";
}

TEST(SpinAdviceTest, DoesAsItIsToldOtherwise) {
  SpinAdvice never(SpinPolicy::kNever), always(SpinPolicy::kAlways);
  for (bool came_soon : {true, false}) {
    for (int i = 0; i < 100; ++i) {
      never.Learn(came_soon);
      always.Learn(came_soon);
      EXPECT_FALSE(never.worthwhile());
      EXPECT_TRUE(always.worthwhile());
    }
  }
}

}  // namespace
}  // namespace pinion
