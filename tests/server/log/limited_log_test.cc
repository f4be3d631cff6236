// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/log/limited_log.h"

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kMost = LimitedLog::kMostInASpan;

class LimitedLogTest : public ::testing::Test {
 protected:
  void Add(int lines) {
    for (int i = 0; i < lines; ++i) log_.Add(absl::StrCat("line ", i));
  }

  FakeClock time_;
  std::vector<std::string> written_;
  LimitedLog log_{
      "shop.v1.CounterService",
      [this](absl::string_view line) { written_.emplace_back(line); },
      time_.clock()};
};

TEST_F(LimitedLogTest, WritesFewLinesAsTheyAre) {
  Add(2);
  EXPECT_THAT(written_, ElementsAre("line 0", "line 1"));
}

TEST_F(LimitedLogTest, WritesOfManyLinesTheFirstTenAndSaysSo) {
  Add(1000);
  ASSERT_EQ(written_.size(), kMost + 1u);
  EXPECT_EQ(written_[kMost - 1], absl::StrCat("line ", kMost - 1));
  EXPECT_THAT(written_[kMost], AllOf(HasSubstr("shop.v1.CounterService"),
                                     HasSubstr("left out")));
}

TEST_F(LimitedLogTest, TellsWithTheNextLineHowManyWereLeftOut) {
  Add(kMost + 7);
  time_.Advance(std::chrono::seconds(1));
  written_.clear();
  Add(1);
  EXPECT_THAT(
      written_,
      ElementsAre("shop.v1.CounterService: 7 lines were left out", "line 0"));
  written_.clear();
  Add(1);
  EXPECT_THAT(written_, ElementsAre("line 0"));
}

TEST_F(LimitedLogTest, ASlowRateIsNeverLimited) {
  for (int i = 0; i < 10 * kMost; ++i) {
    Add(1);
    time_.Advance(std::chrono::milliseconds(200));
  }
  EXPECT_EQ(written_.size(), 10u * kMost);
}

}  // namespace
}  // namespace pinion
