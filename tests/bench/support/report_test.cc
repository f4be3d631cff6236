// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/support/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinion::bench {
namespace {

using ::testing::HasSubstr;

TEST(ReportTest, ARatioIsTheMedianOfTheRoundsRatios) {
  Report report("shop", {"in_flight"}, {{"rps", 0}});
  report.Compare("ours", "theirs");
  // The medians alone would make it 2.
  for (const auto& [ours, theirs] :
       {std::pair{100, 100}, {400, 100}, {200, 50}}) {
    report.Add("ours", {64}, {static_cast<double>(ours)});
    report.Add("theirs", {64}, {static_cast<double>(theirs)});
  }
  EXPECT_EQ(report.Json(),
            R"({"bench":"shop","impl":"ours","in_flight":64,"rps":200}
{"bench":"shop","impl":"theirs","in_flight":64,"rps":100}
{"bench":"shop","ratio":"ours/theirs","in_flight":64,"value":4.000}
)");
}

TEST(ReportTest, OneOfAKindIsToldByTheKindAndAField) {
  Report report("shop", {}, {{"rps", 0}});
  report.Compare("ours", "striped_64");
  report.Describe("striped_64", "striped", "stripes", 64);
  report.Add("ours", {}, {300});
  report.Add("striped_64", {}, {200});
  EXPECT_EQ(report.Json(),
            R"({"bench":"shop","impl":"ours","rps":300}
{"bench":"shop","impl":"striped","stripes":64,"rps":200}
{"bench":"shop","ratio":"ours/striped","stripes":64,"value":1.500}
)");
  EXPECT_THAT(report.Text(), HasSubstr("ours/striped_64"));
}

}  // namespace
}  // namespace pinion::bench
