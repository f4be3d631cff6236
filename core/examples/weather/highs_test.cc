// SPDX-License-Identifier: Apache-2.0
#include "highs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_list.h"

namespace weather {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr int kSeed = 17;

// Two workers without threads: the test runs them.
class HighsTest : public ::testing::Test {
 protected:
  pinion::FakeClock time_;
  std::unique_ptr<pinion::Scheduler> scheduler_ =
      pinion::Scheduler::Manual({.workers = 2}, time_.clock());
  std::map<int, double> printed_;
  Highs highs_{*scheduler_, [this](int station, double degrees) {
                 printed_[station] = degrees;
               }};
};

TEST_F(HighsTest, ReportsTheHighestReadingOfEachStation) {
  for (double degrees : {11.5, 14.0, 3.0}) {
    EXPECT_TRUE(Accepted(highs_.Add(7, degrees)));
  }
  EXPECT_TRUE(Accepted(highs_.Add(8, -2)));
  scheduler_->RunUntilIdle(kSeed);
  highs_.Report();
  scheduler_->RunUntilIdle(kSeed);
  EXPECT_THAT(printed_, ElementsAre(Pair(7, 14), Pair(8, -2)));
}

TEST_F(HighsTest, RefusesAReadingAfterTheStop) {
  EXPECT_TRUE(scheduler_->Stop().ok());
  EXPECT_EQ(highs_.Add(7, 11.5), pinion::Appended::kClosed);
}

}  // namespace
}  // namespace weather
