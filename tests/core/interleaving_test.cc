// SPDX-License-Identifier: Apache-2.0
//
// The points of core/base/interleaving.h, in a build that has them.
#include "pinion/core/base/interleaving.h"

#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/work_list.h"

#ifndef PINION_INTERLEAVING_POINTS
#error "built without points; run it as //tests/core:interleaving_test"
#endif

namespace pinion {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class InterleavingTest : public ::testing::Test {
 protected:
  ~InterleavingTest() override { SetInterleavingHook(nullptr); }

  void NotePoints() {
    SetInterleavingHook([this](Point point) { points_.push_back(point); });
  }

  std::vector<Point> points_;
};

TEST_F(InterleavingTest, CallsTheHookAtEachPoint) {
  NotePoints();
  PINION_POINT(kIdle);
  PINION_POINT(kAnnounced);
  PINION_POINT(kIdle);
  EXPECT_THAT(points_,
              ElementsAre(Point::kIdle, Point::kAnnounced, Point::kIdle));
}

TEST_F(InterleavingTest, CallsTheHookOnTheThreadThatReachesThePoint) {
  std::thread::id called_on;
  SetInterleavingHook([&](Point) { called_on = std::this_thread::get_id(); });
  std::thread::id reached_on;
  std::thread([&] {
    reached_on = std::this_thread::get_id();
    PINION_POINT(kPushed);
  }).join();
  EXPECT_EQ(called_on, reached_on);
}

TEST_F(InterleavingTest, CallsNothingOnceTheHookIsTakenAway) {
  NotePoints();
  SetInterleavingHook(nullptr);
  PINION_POINT(kIdle);
  EXPECT_THAT(points_, IsEmpty());
}

// The targets of core are built with points too, not the test's files alone.
TEST_F(InterleavingTest, AListReachesItsPointWhenTheItemIsInIt) {
  WorkList list(/*capacity=*/1);
  WorkItem item;
  size_t waiting = 0;
  SetInterleavingHook([&](Point point) {
    points_.push_back(point);
    waiting = list.size();
  });
  EXPECT_EQ(list.Append(&item), Appended::kFirst);
  EXPECT_THAT(points_, ElementsAre(Point::kLinked, Point::kAppended));
  EXPECT_EQ(waiting, 1);
  EXPECT_EQ(list.TakeAll().Pop(), &item);
}

}  // namespace
}  // namespace pinion
