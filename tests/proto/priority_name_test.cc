// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/priority_name.h"

#include <limits>
#include <optional>

#include "gtest/gtest.h"
#include "pinion/v1/priority.pb.h"

namespace pinion {
namespace {

TEST(PriorityNameTest, EveryPriorityButTheUnspecifiedHasANameThatIsParsed) {
  for (int i = 0; i < v1::Priority_ARRAYSIZE; ++i) {
    if (i == v1::PRIORITY_UNSPECIFIED) continue;
    const auto priority = static_cast<v1::Priority>(i);
    EXPECT_FALSE(PriorityName(priority).empty()) << i;
    EXPECT_EQ(ParsePriority(PriorityName(priority)), priority) << i;
  }
}

TEST(PriorityNameTest, NamesAreThoseOfTheMetadata) {
  EXPECT_EQ(PriorityName(v1::PRIORITY_URGENT), "urgent");
  EXPECT_EQ(PriorityName(v1::PRIORITY_NORMAL), "normal");
  EXPECT_EQ(PriorityName(v1::PRIORITY_BULK), "bulk");
}

TEST(PriorityNameTest, WhatIsNoPriorityHasNoName) {
  for (const int number : {static_cast<int>(v1::PRIORITY_UNSPECIFIED), -1, 4,
                           std::numeric_limits<int>::max()}) {
    EXPECT_EQ(PriorityName(static_cast<v1::Priority>(number)), "") << number;
  }
}

TEST(PriorityNameTest, OtherTextsAreNoPriority) {
  for (const char* text : {"", "Urgent", "URGENT", "bul", "bulky", " bulk", "0",
                           "unspecified", "PRIORITY_BULK", "bulk,bulk"}) {
    EXPECT_EQ(ParsePriority(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace pinion
