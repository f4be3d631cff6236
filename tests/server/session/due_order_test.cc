// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/due_order.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/testing/seed.h"

namespace pinion {
namespace {

using ::pinion::testing::Seed;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Calls of a block: each with a deadline, in milliseconds from 1, or 0 for
// none. Counts how often one is looked at.
class Calls {
 public:
  explicit Calls(std::vector<int> deadlines)
      : deadlines_(std::move(deadlines)), waits_(deadlines_.size(), true) {
    order_.Arrange(deadlines_.size(), [this](size_t i) { return At(i); });
    looks_ = 0;
  }

  void Answer(size_t call) { waits_[call] = false; }

  // Takes those that are due at `now`, as the expirer does; the last look is at
  // the one that comes due next.
  std::vector<size_t> TakeDue(int now) {
    std::vector<size_t> taken;
    const auto at = [this](size_t i) { return At(i); };
    const auto waits = [this](size_t i) {
      ++looks_;
      return waits_[i];
    };
    while (const auto next = order_.Next(at, waits)) {
      if (deadlines_[*next] > now) break;
      taken.push_back(*next);
      Answer(*next);
    }
    return taken;
  }

  int TakeLooks() { return std::exchange(looks_, 0); }

 private:
  Deadline At(size_t call) const {
    if (deadlines_[call] == 0) return Deadline();
    return Moment(uint64_t{1'000'000} *
                  static_cast<uint64_t>(deadlines_[call]));
  }

  const std::vector<int> deadlines_;
  std::vector<bool> waits_;
  DueOrder order_;
  int looks_ = 0;
};

TEST(DueOrderTest, ThoseThatAreDueComeInTheOrderOfTheirDeadlines) {
  Calls calls({30, 10, 0, 20, 10});
  EXPECT_THAT(calls.TakeDue(9), IsEmpty());
  EXPECT_THAT(calls.TakeDue(20),
              ::testing::AnyOf(ElementsAre(1, 4, 3), ElementsAre(4, 1, 3)));
  EXPECT_THAT(calls.TakeDue(29), IsEmpty());
  EXPECT_THAT(calls.TakeDue(30), ElementsAre(0));
  EXPECT_THAT(calls.TakeDue(1000), IsEmpty());
}

TEST(DueOrderTest, WhatHasItsAnswerIsPassedOver) {
  Calls calls({10, 20, 30, 40});
  calls.Answer(0);
  calls.Answer(2);
  EXPECT_THAT(calls.TakeDue(40), ElementsAre(1, 3));
}

TEST(DueOrderTest, CallsWithoutADeadlineAreNeverDue) {
  Calls calls({0, 0, 0});
  EXPECT_THAT(calls.TakeDue(1000), IsEmpty());
}

// A thousand blocks' worth of deadlines, each due alone.
TEST(DueOrderTest, TheWorkFollowsWhatIsDueAndNotWhatIsInTheBlock) {
  constexpr int kCalls = 10'000;
  std::vector<int> rising, falling;
  for (int i = 1; i <= kCalls; ++i) {
    rising.push_back(i);
    falling.push_back(kCalls + 1 - i);
  }
  for (const std::vector<int>& deadlines : {rising, falling}) {
    Calls calls(deadlines);
    for (int now = 1; now <= kCalls; ++now) {
      ASSERT_EQ(calls.TakeDue(now).size(), 1u);
      // The one before, which was taken; the one that is due, twice; the next.
      EXPECT_LE(calls.TakeLooks(), 4);
    }
  }
}

TEST(DueOrderTest, OfManyThatWereAnsweredEachIsLookedAtOnce) {
  constexpr int kCalls = 10'000;
  std::vector<int> deadlines(kCalls, 10);
  deadlines.back() = 20;
  Calls calls(std::move(deadlines));
  for (int i = 0; i + 1 < kCalls; ++i) calls.Answer(i);
  EXPECT_THAT(calls.TakeDue(10), IsEmpty());
  EXPECT_LE(calls.TakeLooks(), kCalls);
  for (int now = 11; now < 20; ++now) {
    EXPECT_THAT(calls.TakeDue(now), IsEmpty());
    EXPECT_EQ(calls.TakeLooks(), 1);
  }
  EXPECT_THAT(calls.TakeDue(20), ElementsAre(kCalls - 1));
}

TEST(DueOrderTest, TakesWhatASortedListWouldWhateverTheDeadlines) {
  const Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 300; ++round) {
    std::vector<int> deadlines(random() % 50);
    const int span = 1 + static_cast<int>(random() % 40);
    std::multimap<int, size_t> left;
    for (size_t i = 0; i < deadlines.size(); ++i) {
      deadlines[i] = static_cast<int>(random() % span);
      if (deadlines[i] > 0) left.emplace(deadlines[i], i);
    }
    Calls calls(deadlines);
    for (int now = 1; now <= span; ++now) {
      if (!left.empty() && random() % 3 == 0) {
        auto some = left.begin();
        std::advance(some, random() % left.size());
        calls.Answer(some->second);
        left.erase(some);
      }
      std::vector<size_t> expected;
      while (!left.empty() && left.begin()->first <= now) {
        expected.push_back(left.begin()->second);
        left.erase(left.begin());
      }
      std::vector<size_t> taken = calls.TakeDue(now);
      std::sort(taken.begin(), taken.end());
      std::sort(expected.begin(), expected.end());
      ASSERT_EQ(taken, expected) << "seed " << seed.value();
    }
  }
}

}  // namespace
}  // namespace pinion
