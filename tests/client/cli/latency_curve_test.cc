// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/latency_curve.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace pinion::cli {
namespace {

// 900 fast ones, 90 of ten times that, 10 of a hundred times.
Histogram Steps() {
  Histogram histogram;
  for (int i = 0; i < 1000; ++i) {
    histogram.Record(i < 900 ? 100'000 : i < 990 ? 1'000'000 : 10'000'000);
  }
  return histogram;
}

std::vector<std::string> LinesOf(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

TEST(LatencyCurveTest, ShowsAStepWhereTheLatenciesHaveOne) {
  // Each nine has a third of the width: the steps are at a third and at two.
  EXPECT_EQ(
      LatencyCurve(Steps()),
      R"(   10.0 ms |                                         ********************
           |                                         *
           |                                         *
   2.85 ms |                                         *
           |                                         *
           |                     ********************
    811 us |                     *
           |                     *
           |                     *
    231 us |                     *
           |                     *
    100 us | ********************
           +-+------------------+-------------------+-------------------+
             0%                 90%                 99%                 99.9%
)");
}

TEST(LatencyCurveTest, EachColumnHasTheCurveOnceOrMore) {
  const auto lines = LinesOf(LatencyCurve(Steps()));
  for (size_t column = 13; column < 73; ++column) {
    int marks = 0;
    for (const std::string& line : lines) {
      if (column < line.size() && line[column] == '*') ++marks;
    }
    EXPECT_GE(marks, 1) << column;
  }
}

TEST(LatencyCurveTest, FitsATerminalAndHasPlainCharactersOnly) {
  Histogram histogram = Steps();
  for (int i = 0; i < 3'000'000; ++i) histogram.Record(1'000 + i);
  for (const std::string& line : LinesOf(LatencyCurve(histogram))) {
    EXPECT_LE(line.size(), 80u);
    EXPECT_FALSE(absl::EndsWith(line, " ")) << line;
    for (char c : line) EXPECT_TRUE(c >= ' ' && c <= '~');
  }
}

TEST(LatencyCurveTest, EqualLatenciesAreAFlatLine) {
  Histogram histogram;
  for (int i = 0; i < 100; ++i) histogram.Record(5'000'000);
  const auto lines = LinesOf(LatencyCurve(histogram));
  int rows = 0;
  for (const std::string& line : lines) {
    if (absl::StrContains(line, "*")) ++rows;
  }
  EXPECT_EQ(rows, 1);
}

TEST(LatencyCurveTest, NoCurveIsDrawnOfFewerThanTwo) {
  Histogram histogram;
  EXPECT_EQ(LatencyCurve(histogram), "");
  histogram.Record(1);
  EXPECT_EQ(LatencyCurve(histogram), "");
  histogram.Record(1);
  EXPECT_NE(LatencyCurve(histogram), "");
}

TEST(LatencyTextTest, HasThreeDigitsAndItsUnit) {
  EXPECT_EQ(LatencyText(0), "0 ns");
  EXPECT_EQ(LatencyText(999.4), "999 ns");
  EXPECT_EQ(LatencyText(999.6), "1.00 us");
  EXPECT_EQ(LatencyText(12'345), "12.3 us");
  EXPECT_EQ(LatencyText(123'456), "123 us");
  EXPECT_EQ(LatencyText(9'996), "10.0 us");
  EXPECT_EQ(LatencyText(1'050'000), "1.05 ms");
  EXPECT_EQ(LatencyText(7e9), "7.00 s");
  EXPECT_EQ(LatencyText(7e12), "7000 s");
}

}  // namespace
}  // namespace pinion::cli
