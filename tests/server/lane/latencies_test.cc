// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/latencies.h"

#include <chrono>

#include "gtest/gtest.h"
#include "pinion/core/clock.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/snapshot.h"

namespace pinion {
namespace {

using std::chrono::microseconds;

// The latencies of a lane with two methods, whose calls come, are claimed and
// end at moments that are told in microseconds.
class LatenciesTest : public ::testing::Test {
 protected:
  Moment At(int micros) const { return start_ + microseconds(micros); }

  void Record(int method, int accepted, int claimed, int ended, int asked,
              int woke) {
    latencies_.Of(method).Record(At(accepted),
                                 {.claimed = At(claimed), .ended = At(ended)},
                                 {.asked = At(asked), .woke = At(woke)});
  }

  MethodSnapshot Of(int method) const {
    MethodSnapshot snapshot;
    latencies_.AddTo(snapshot, method);
    return snapshot;
  }

  const Moment start_ = FakeClock().Now();
  Latencies latencies_{/*methods=*/2};
};

TEST_F(LatenciesTest, ThereAreNoneBeforeTheFirstCall) {
  const MethodSnapshot none = Of(0);
  EXPECT_EQ(none.waited.count(), 0u);
  EXPECT_EQ(none.woken_late.count(), 0u);
  EXPECT_EQ(none.ran.count(), 0u);
}

TEST_F(LatenciesTest, ACallThatWakesItsWorkerWaitsLateFromTheWake) {
  Record(0, /*accepted=*/10, /*claimed=*/40, /*ended=*/100, /*asked=*/12,
         /*woke=*/30);
  const MethodSnapshot its = Of(0);
  EXPECT_EQ(its.woken_late.mean_ns(), 18'000);
  EXPECT_EQ(its.waited.mean_ns(), 12'000);
  EXPECT_EQ(its.ran.mean_ns(), 60'000);
}

TEST_F(LatenciesTest, ACallThatComesAfterTheWakeWasAskedForIsLateFromThen) {
  Record(0, /*accepted=*/20, /*claimed=*/40, /*ended=*/100, /*asked=*/12,
         /*woke=*/30);
  const MethodSnapshot its = Of(0);
  EXPECT_EQ(its.woken_late.mean_ns(), 10'000);
  EXPECT_EQ(its.waited.mean_ns(), 10'000);
}

TEST_F(LatenciesTest, ACallThatFindsItsWorkerAwakeHasNothingOfTheWake) {
  Record(0, /*accepted=*/35, /*claimed=*/40, /*ended=*/100, /*asked=*/12,
         /*woke=*/30);
  const MethodSnapshot its = Of(0);
  EXPECT_EQ(its.woken_late.count(), 1u);
  EXPECT_EQ(its.woken_late.mean_ns(), 0);
  EXPECT_EQ(its.waited.mean_ns(), 5'000);
}

// Two clocks tell the moments, so they may disagree a little.
TEST_F(LatenciesTest, NoWaitIsLessThanNothing) {
  Record(0, /*accepted=*/10, /*claimed=*/28, /*ended=*/100, /*asked=*/10,
         /*woke=*/30);
  EXPECT_EQ(Of(0).waited.mean_ns(), 0);
}

TEST_F(LatenciesTest, TheThreeAddUpToTheWholeTime) {
  for (const int accepted : {0, 11, 12, 13, 29, 30, 31, 40}) {
    Record(0, accepted, /*claimed=*/40, /*ended=*/100, /*asked=*/12,
           /*woke=*/30);
  }
  const MethodSnapshot its = Of(0);
  const double whole_ns = 8 * 100'000 - 166'000;  // Without the time before.
  EXPECT_DOUBLE_EQ(
      8 * (its.woken_late.mean_ns() + its.waited.mean_ns() + its.ran.mean_ns()),
      whole_ns);
}

TEST_F(LatenciesTest, EachMethodHasItsOwn) {
  Record(1, /*accepted=*/0, /*claimed=*/1, /*ended=*/3, /*asked=*/0,
         /*woke=*/0);
  EXPECT_EQ(Of(0).ran.count(), 0u);
  EXPECT_EQ(Of(1).ran.count(), 1u);
}

TEST_F(LatenciesTest, ASnapshotAddsUpTheLanesOfAMethod) {
  Latencies other_lane(/*methods=*/2);
  other_lane.Of(0).Record(At(0), {.claimed = At(0), .ended = At(30)},
                          {.asked = At(0), .woke = At(0)});
  Record(0, /*accepted=*/0, /*claimed=*/0, /*ended=*/10, /*asked=*/0,
         /*woke=*/0);
  MethodSnapshot both;
  latencies_.AddTo(both, 0);
  other_lane.AddTo(both, 0);
  EXPECT_EQ(both.ran.count(), 2u);
  EXPECT_EQ(both.ran.mean_ns(), 20'000);
}

}  // namespace
}  // namespace pinion
