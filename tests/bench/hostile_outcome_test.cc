// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/hostile_outcome.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>

namespace pinion::bench {
namespace {

using ::testing::HasSubstr;

constexpr HostileRound kGood = {.p99_ratio = 1,
                                .worst_us = 2000,
                                .errors = 0,
                                .grown_mib = 10,
                                .refused = true};

HostileOutcome After(const HostileRound& round) {
  HostileOutcome outcome("cancels", {.p99_ratio = 3, .grown_mib = 128});
  outcome.Add(kGood);
  outcome.Add(round);
  outcome.Add(kGood);
  return outcome;
}

TEST(HostileOutcomeTest, OneSlowRoundIsWithinABarOfTheMedian) {
  HostileRound slow = kGood;
  slow.p99_ratio = 100;
  EXPECT_TRUE(After(slow).met());
}

TEST(HostileOutcomeTest, MostRoundsThatAreSlowMissTheBarButDoNoHarm) {
  HostileOutcome outcome("cancels", {.p99_ratio = 3, .grown_mib = 128});
  HostileRound slow = kGood;
  slow.p99_ratio = 3.5;
  outcome.Add(slow);
  EXPECT_FALSE(outcome.met());
  EXPECT_TRUE(outcome.harmless());
}

TEST(HostileOutcomeTest, OneErrorOfOneRoundIsHarm) {
  HostileRound round = kGood;
  round.errors = 1;
  EXPECT_FALSE(After(round).harmless());
  EXPECT_FALSE(After(round).met());
}

TEST(HostileOutcomeTest, TooMuchMemoryInOneRoundIsHarm) {
  HostileRound round = kGood;
  round.grown_mib = 128;
  EXPECT_TRUE(After(round).harmless());
  round.grown_mib = 129;
  EXPECT_FALSE(After(round).harmless());
}

TEST(HostileOutcomeTest, WhatIsTooMuchAndNotRefusedIsHarm) {
  HostileRound round = kGood;
  round.refused = false;
  EXPECT_FALSE(After(round).harmless());
  EXPECT_THAT(After(round).Text(), HasSubstr("NOT REFUSED"));
}

TEST(HostileOutcomeTest, WithoutAMeasuredCallABarOfTimesIsNotMet) {
  HostileOutcome outcome("cancels", {.p99_ratio = 3, .grown_mib = 128});
  HostileRound none = kGood;
  none.p99_ratio = none.worst_us = std::nan("");
  outcome.Add(none);
  EXPECT_FALSE(outcome.met());
  EXPECT_TRUE(outcome.harmless());
  EXPECT_THAT(outcome.Json(), HasSubstr(R"("p99_ratio":null)"));
}

TEST(HostileOutcomeTest, TimesWithoutABarAreNotJudged) {
  HostileOutcome outcome("long_calls",
                         {.p99_ratio = std::nullopt, .grown_mib = 128});
  HostileRound slow = kGood;
  slow.p99_ratio = 1000;
  outcome.Add(slow);
  EXPECT_TRUE(outcome.met());
  EXPECT_THAT(outcome.Text(), HasSubstr("not judged"));
}

TEST(HostileOutcomeTest, IsOneObjectWithItsBar) {
  HostileRound round = kGood;
  round.errors = 2;
  EXPECT_EQ(
      After(round).Json(),
      R"({"bench":"hostile","attack":"cancels","p99_ratio":1.000,)"
      R"("max_p99_ratio":3.0,"worst_us":2000,"errors":2,"max_errors":0,)"
      R"("grown_mib":10.0,"max_grown_mib":128,"refused":true,"met":false})");
}

}  // namespace
}  // namespace pinion::bench
