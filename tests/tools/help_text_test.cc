// SPDX-License-Identifier: Apache-2.0
#include "pinion/tools/help_text.h"

#include <string>

#include "gtest/gtest.h"

namespace pinion {
namespace {

std::string Columns(size_t count) { return std::string(count, 'x'); }

TEST(WrappedTest, LeavesALineOfEightyColumnsAlone) {
  EXPECT_EQ(Wrapped(Columns(78) + " y", 0), Columns(78) + " y\n");
  EXPECT_EQ(Wrapped(Columns(72) + " y", 6), "      " + Columns(72) + " y\n");
}

TEST(WrappedTest, BreaksALongerLineAtItsLastSpaceThatFits) {
  EXPECT_EQ(Wrapped("a " + Columns(78) + " y", 0),
            "a " + Columns(78) + "\ny\n");
  EXPECT_EQ(Wrapped("a " + Columns(79) + " y", 0),
            "a\n" + Columns(79) + "\ny\n");
  EXPECT_EQ(Wrapped("a " + Columns(73) + " y", 6),
            "      a\n      " + Columns(73) + "\n      y\n");
}

TEST(WrappedTest, KeepsLineEndsEmptyLinesAndTheIndentOfExamples) {
  EXPECT_EQ(Wrapped("one\n\n  two  three\n", 0), "one\n\n  two  three\n\n");
  EXPECT_EQ(Wrapped("  " + Columns(70) + " " + Columns(20), 0),
            "  " + Columns(70) + "\n  " + Columns(20) + "\n");
  EXPECT_EQ(Wrapped("one\n\ntwo", 2), "  one\n\n  two\n");
}

TEST(WrappedTest, GivesAWordThatDoesNotFitALineOfItsOwn) {
  EXPECT_EQ(Wrapped("a " + Columns(90) + " y", 0),
            "a\n" + Columns(90) + "\ny\n");
  EXPECT_EQ(Wrapped(Columns(90), 0), Columns(90) + "\n");
}

TEST(WrappedTest, LeavesNoSpaceAtTheEndOfALine) {
  EXPECT_EQ(Wrapped(Columns(79) + "   y  ", 0), Columns(79) + "\ny\n");
  EXPECT_EQ(Wrapped("   ", 4), "\n");
}

TEST(HelpTextTest, ShowsTheUsageAndThenEachGroupUnderItsTitleInOrder) {
  EXPECT_EQ(
      HelpText(
          "usage: server [flags]",
          {{.title = "Workers",
            .flags = {{.name = "workers", .preset = "0", .help = "How many."},
                      {.name = "cpus",
                       .preset = "",
                       .help = Columns(70) + " which."}}},
           {.title = "Stop",
            .flags =
                {{.name = "grace", .preset = "10s", .help = "How long."}}}}),
      "usage: server [flags]\n"
      "\n"
      "Workers\n"
      "  --workers (default: 0)\n"
      "      How many.\n"
      "  --cpus (default: empty)\n"
      "      " +
          Columns(70) +
          "\n"
          "      which.\n"
          "\n"
          "Stop\n"
          "  --grace (default: 10s)\n"
          "      How long.\n");
}

TEST(HelpTextTest, WrapsTheUsageToo) {
  EXPECT_EQ(HelpText(Columns(50) + " " + Columns(50), {}),
            Columns(50) + "\n" + Columns(50) + "\n");
}

}  // namespace
}  // namespace pinion
