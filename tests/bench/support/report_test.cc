// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

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

TEST(ReportTest, AFigureIsTheMedianTheSumOrTheGreatestOfItsRounds) {
  Report report("shop", {},
                {{"rps", 0},
                 {"errors", 0, Over::kSum},
                 {"worst_us", 0, Over::kGreatest}});
  report.Add("ours", {}, {300, 1, 7});
  report.Add("ours", {}, {100, 2, 9});
  report.Add("ours", {}, {200, 0, std::nan("")});
  EXPECT_EQ(report.Json(),
            R"({"bench":"shop","impl":"ours","rps":200,"errors":3,"worst_us":9}
)");
}

}  // namespace
}  // namespace pinion::bench
