// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/hdr_text.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace pinion::cli {
namespace {

// The lines of figures; those of a comment and the title are left out.
std::vector<std::vector<double>> RowsOf(absl::string_view text) {
  std::vector<std::vector<double>> rows;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    std::vector<double> row;
    for (absl::string_view word :
         absl::StrSplit(line, ' ', absl::SkipEmpty())) {
      double value;
      if (!absl::SimpleAtod(word, &value)) break;
      row.push_back(value);
    }
    if (!row.empty()) rows.push_back(row);
  }
  return rows;
}

// 1 to 1000 microseconds, each once.
Histogram Thousand() {
  Histogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.Record(i * 1000);
  return histogram;
}

TEST(HdrTextTest, HasTheTitleAndTheClosingLinesThatPlottersKnow) {
  const std::string text = HdrText(Thousand());
  EXPECT_EQ(text.substr(0, text.find('\n')),
            "       Value     Percentile TotalCount 1/(1-Percentile)");
  EXPECT_NE(text.find("\n#[Mean    =     0.500500, StdDeviation   ="),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\n#[Max     =     1.000000, Total count    ="
                      "         1000]\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("SubBuckets     =         2048]\n"), std::string::npos);
}

TEST(HdrTextTest, HasFiveLinesForEachHalvingOfWhatIsLeft) {
  const auto rows = RowsOf(HdrText(Thousand()));
  const double expected[] = {0,    0.1, 0.2,  0.3, 0.4,  0.5,
                             0.55, 0.6, 0.65, 0.7, 0.75, 0.775};
  for (size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_NEAR(rows.at(i)[1], expected[i], 1e-9);
  }
}

TEST(HdrTextTest, EachLineFitsTheTimesThatWereRecorded) {
  const auto rows = RowsOf(HdrText(Thousand()));
  for (size_t i = 0; i + 1 < rows.size(); ++i) {
    const auto& row = rows[i];
    ASSERT_EQ(row.size(), 4u);
    EXPECT_NEAR(row[3], 1 / (1 - row[1]), row[3] * 0.01);
    // As many as that are recorded up to the value, in milliseconds.
    EXPECT_GE(row[2], std::floor(row[1] * 1000));
    EXPECT_NEAR(row[0] * 1000, row[2], row[2] * 0.002);
    EXPECT_LE(row[0], rows[i + 1][0]);
    EXPECT_LE(row[2], rows[i + 1][2]);
  }
  EXPECT_EQ(rows.back(), (std::vector<double>{1.0, 1.0, 1000}));
}

TEST(HdrTextTest, OfEqualTimesAndOfNoneIsTextToo) {
  Histogram one;
  one.Record(5'000'000);
  EXPECT_EQ(RowsOf(HdrText(one)).size(), 1u);
  EXPECT_EQ(RowsOf(HdrText(Histogram())).size(), 0u);
}

}  // namespace
}  // namespace pinion::cli
