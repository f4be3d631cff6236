// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/door/inside.h"

#include <array>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

// One that ends in a test by what the test is about, or not at all.
constexpr absl::Duration kNoEnd = absl::Hours(1);

TEST(InsideTest, CallsEnterUntilItIsClosed) {
  Inside inside;
  EXPECT_TRUE(inside.Enter());
  EXPECT_TRUE(inside.Enter(3));
  EXPECT_EQ(inside.count(), 4);
  inside.Close();
  EXPECT_FALSE(inside.Enter());
  EXPECT_FALSE(inside.Enter(3));
  EXPECT_EQ(inside.count(), 4) << "a call is counted that was not let in";
}

TEST(InsideTest, ItIsEmptyOnceAllThatEnteredHaveLeft) {
  Inside inside;
  ASSERT_TRUE(inside.Enter(3));
  inside.Close();
  EXPECT_FALSE(inside.AwaitEmpty(absl::ZeroDuration()));
  inside.Leave();
  EXPECT_EQ(inside.count(), 2);
  EXPECT_FALSE(inside.AwaitEmpty(absl::ZeroDuration()));
  inside.Leave(2);
  EXPECT_EQ(inside.count(), 0);
  EXPECT_TRUE(inside.AwaitEmpty(kNoEnd));
}

TEST(InsideTest, ItMayBeClosedTwiceAndWhenNoCallIsInside) {
  Inside inside;
  inside.Close();
  inside.Close();
  EXPECT_TRUE(inside.AwaitEmpty(kNoEnd));
}

TEST(InsideTest, TheLastCallThatLeavesEndsTheWaiting) {
  Inside inside;
  ASSERT_TRUE(inside.Enter(2));
  inside.Close();
  bool empty = false;
  std::thread waiter([&] { empty = inside.AwaitEmpty(kNoEnd); });
  inside.Leave();
  inside.Leave();
  waiter.join();
  EXPECT_TRUE(empty);
}

TEST(InsideTest, GivingUpEndsTheWaitingNowAndLater) {
  Inside inside;
  ASSERT_TRUE(inside.Enter());
  inside.Close();
  bool empty = true;
  std::thread waiter([&] { empty = inside.AwaitEmpty(kNoEnd); });
  inside.GiveUpWaiting();
  waiter.join();
  EXPECT_FALSE(empty);
  EXPECT_FALSE(inside.AwaitEmpty(kNoEnd));
  inside.Leave();
  EXPECT_TRUE(inside.AwaitEmpty(kNoEnd));
}

// Under ThreadSanitizer also: the waiting thread sees what they have done.
TEST(InsideTest, NoCallIsInsideAfterTheWaitingHoweverManyCome) {
  constexpr int kThreads = 3;
  constexpr int kRounds = 30;
  for (int round = 0; round < kRounds; ++round) {
    Inside inside;
    std::array<int64_t, kThreads> entered = {};  // Each thread writes its own.
    std::vector<std::thread> callers;
    for (int i = 0; i < kThreads; ++i) {
      callers.emplace_back([&, i] {
        while (inside.Enter()) {
          ++entered[i];
          inside.Leave();
        }
      });
    }
    inside.Close();
    // A call that is being turned away may be counted for a moment.
    while (!inside.AwaitEmpty(kNoEnd)) {
    }
    const std::array<int64_t, kThreads> seen = entered;
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(entered, seen) << "in round " << round;
  }
}

}  // namespace
}  // namespace pinion
