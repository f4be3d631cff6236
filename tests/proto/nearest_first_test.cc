// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/nearest_first.h"

#include <string>

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

TEST(NearestFirstTest, TakesNoNamesEmptyNamesAndEndlessOnes) {
  EXPECT_THAT(NearestFirst("Get", {}), IsEmpty());
  EXPECT_THAT(NearestFirst("", {"Get", ""}), ElementsAre("", "Get"));
  const std::string endless(1 << 20, 'x');
  EXPECT_THAT(NearestFirst(endless, {"Get", endless}),
              ElementsAre(endless, "Get"));
}

}  // namespace
}  // namespace pinion
