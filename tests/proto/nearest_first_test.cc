// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/nearest_first.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(NearestFirstTest, ALetterTooManyTooFewOrWrongIsNearerThanAnotherName) {
  for (const char* wanted : {"Withdraww", "Withdrw", "Withdrab", "withdraw"}) {
    EXPECT_THAT(NearestFirst(wanted, {"Deposit", "Withdrawal", "Withdraw"}),
                ElementsAre("Withdraw", "Withdrawal", "Deposit"))
        << wanted;
  }
}

TEST(NearestFirstTest, TwoSwappedLettersAreOneMistake) {
  EXPECT_THAT(NearestFirst("nmae", {"nape", "name", "mae", "game"}),
              ElementsAre("name", "mae", "nape", "game"));
}

TEST(NearestFirstTest, EquallyNearNamesKeepTheirOrder) {
  EXPECT_THAT(NearestFirst("Xyz", {"Put", "Get", "Add"}),
              ElementsAre("Put", "Get", "Add"));
}

TEST(NearestFirstTest, ANameWasLikelyMeantIfAThirdOfItsLettersDiffer) {
  const std::vector<std::string> names = {"lane_calls", "lane_bytes", "grace"};
  for (const char* wanted : {"lane_cals", "lane-calls", "laneCalls",
                             "LANE_CALLS", "lane_call", "lanecalls"}) {
    EXPECT_EQ(LikelyMeant(wanted, names), "lane_calls") << wanted;
  }
  EXPECT_EQ(LikelyMeant("garce", names), "grace");
  for (const char* wanted : {"", "g", "calls", "granite", "something_else"}) {
    EXPECT_EQ(LikelyMeant(wanted, names), "") << wanted;
  }
  EXPECT_EQ(LikelyMeant("grace", {}), "");
  EXPECT_EQ(LikelyMeant(std::string(1 << 20, 'x'), names), "");
}

TEST(NearestFirstTest, TakesNoNamesEmptyNamesAndEndlessOnes) {
  EXPECT_THAT(NearestFirst("Get", {}), IsEmpty());
  EXPECT_THAT(NearestFirst("", {"Get", ""}), ElementsAre("", "Get"));
  const std::string endless(1 << 20, 'x');
  EXPECT_THAT(NearestFirst(endless, {"Get", endless}),
              ElementsAre(endless, "Get"));
}

}  // namespace
}  // namespace pinion
