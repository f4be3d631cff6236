// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/failure_text.h"

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "pinion/v1/failure.pb.h"

namespace pinion::cli {
namespace {

TEST(ReasonTextTest, HasANameOrANumber) {
  EXPECT_EQ(ReasonText(v1::REASON_LANE_FULL), "LANE_FULL");
  EXPECT_EQ(ReasonText(99999), "reason 99999");
  EXPECT_EQ(ReasonText(v1::REASON_UNSPECIFIED), "reason 0");
}

TEST(DescribeErrorTest, ShowsLettersQuotesAndLinesAsTheyAre) {
  EXPECT_EQ(DescribeError(absl::NotFoundError("the key \"gr\u00fc\u00dfe\"\n"
                                              "\u6771\u4eac has 'no' \\value")),
            "NOT_FOUND: the key \"gr\u00fc\u00dfe\"\n"
            "\u6771\u4eac has 'no' \\value");
}

TEST(DescribeErrorTest, GivesTheTerminalNoCommands) {
  EXPECT_EQ(DescribeError(absl::InternalError("a\x1b[2Jb\x07\u009bc\xff\r")),
            "INTERNAL: a\\x1b[2Jb\\x07\\xc2\\x9bc\\xff\\r");
}

}  // namespace
}  // namespace pinion::cli
