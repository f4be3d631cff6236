// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/text_table.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/cli/text_width.h"

namespace pinion::cli {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Le;
using ::testing::ResultOf;

TEST(TextWidthTest, CountsColumnsNotBytes) {
  EXPECT_EQ(WidthOf("cart"), 4);
  EXPECT_EQ(WidthOf("grüße"), 5);
  EXPECT_EQ(WidthOf("東京"), 4);
  // A byte that is no character cannot make a line longer than it says.
  EXPECT_EQ(WidthOf("a\xff"), 2);
}

TEST(TextWidthTest, CutsBetweenCharactersAndSaysSo) {
  EXPECT_EQ(CutEnd("cart", 4), "cart");
  EXPECT_EQ(CutEnd("carts", 4), "car~");
  EXPECT_EQ(CutStart("carts", 4), "~rts");
  // Half of a wide character is left out.
  EXPECT_EQ(CutEnd("東京都", 4), "東~");
  EXPECT_EQ(CutStart("東京都", 4), "~都");
  EXPECT_EQ(CutEnd("carts", 0), "");
  EXPECT_EQ(CutStart("carts", -1), "");
}

TEST(TextTableTest, ColumnsAreAsWideAsTheirWidestCell) {
  TextTable table({{"KEY"}, {"CALLS", TextColumn::kRight}, {"CODE"}});
  table.Add({"a", "12", "OK"});
  table.Add({"東京", "123456", "NOT_FOUND"});
  table.Add({"", "", "OK"});
  EXPECT_EQ(table.Text(),
            "KEY    CALLS  CODE\n"
            "a         12  OK\n"
            "東京  123456  NOT_FOUND\n"
            "              OK\n");
}

TEST(TextTableTest, OnlyColumnsThatMayBeCutGetNarrower) {
  TextTable table({{"METHOD", TextColumn::kLeft, TextColumn::kCutAtStart},
                   {"CALLS", TextColumn::kRight},
                   {"RUNS", TextColumn::kLeft, TextColumn::kCutAtEnd}});
  table.Add({"/shop.v1.CartService/AddItem", "1234", "the key cart-17"});
  EXPECT_THAT(table.Lines(36),
              ElementsAre("METHOD         CALLS  RUNS",
                          "~vice/AddItem   1234  the key cart-~"));
}

TEST(TextTableTest, NoLineIsWiderThanAsked) {
  TextTable table({{"METHOD", TextColumn::kLeft, TextColumn::kCutAtStart},
                   {"CALLS", TextColumn::kRight},
                   {"ERRORS", TextColumn::kRight}});
  table.Add({"/東京/京都", "1234", "5678"});
  for (int width = 1; width < 40; ++width) {
    EXPECT_THAT(table.Lines(width), Each(ResultOf(WidthOf, Le(width))));
  }
}

}  // namespace
}  // namespace pinion::cli
