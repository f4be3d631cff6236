// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/identity/check_budget.h"

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/security/identity/lru_map.h"

namespace pinion {
namespace {

using std::chrono::milliseconds;

TEST(CheckBudgetTest, OfAnAddressIsItsOwn) {
  FakeClock time;
  CheckBudget budget({.all = 1000, .per_address = 2}, time.Now());
  EXPECT_FALSE(budget.Take("10.0.0.1", time.Now()).has_value());
  EXPECT_FALSE(budget.Take("10.0.0.1", time.Now()).has_value());
  EXPECT_EQ(budget.Take("10.0.0.1", time.Now()), milliseconds(500));
  EXPECT_FALSE(budget.Take("10.0.0.2", time.Now()).has_value());
  time.Advance(milliseconds(500));
  EXPECT_FALSE(budget.Take("10.0.0.1", time.Now()).has_value());
  EXPECT_TRUE(budget.Take("10.0.0.1", time.Now()).has_value());
}

TEST(CheckBudgetTest, InAllHoldsForAnyNumberOfAddresses) {
  FakeClock time;
  CheckBudget budget({.all = 10, .per_address = 2}, time.Now());
  int taken = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string address =
        absl::StrCat("10.", i >> 16, ".", (i >> 8) & 255, ".", i & 255);
    if (!budget.Take(address, time.Now()).has_value()) ++taken;
  }
  EXPECT_EQ(taken, 10);
  EXPECT_TRUE(budget.Take("", time.Now()).has_value());
  time.Advance(milliseconds(100));
  EXPECT_FALSE(budget.Take("", time.Now()).has_value());
}

TEST(CheckBudgetTest, DoesNotTakeFromAllWhatAnAddressDoesNotGet) {
  FakeClock time;
  CheckBudget budget({.all = 3, .per_address = 1}, time.Now());
  for (int i = 0; i < 100; ++i) {
    budget.Take("10.0.0.1", time.Now());
  }
  EXPECT_FALSE(budget.Take("10.0.0.2", time.Now()).has_value());
  EXPECT_FALSE(budget.Take("10.0.0.3", time.Now()).has_value());
}

TEST(BudgetAddressTest, IsANetworkOfIpv6) {
  EXPECT_EQ(BudgetAddress("2001:db8::1"), BudgetAddress("2001:db8::ffff:2"));
  EXPECT_NE(BudgetAddress("2001:db8::1"), BudgetAddress("2001:db8:0:1::1"));
  EXPECT_NE(BudgetAddress("10.0.0.1"), BudgetAddress("10.0.0.2"));
  EXPECT_NE(BudgetAddress("::ffff:10.0.0.1"), BudgetAddress("::ffff:10.0.0.2"));
}

TEST(LruMapTest, EvictsTheLeastRecentlyUsed) {
  LruMap<int> map(2);
  map.Insert("a", 1);
  map.Insert("b", 2);
  EXPECT_EQ(*map.Find("a"), 1);
  map.Insert("c", 3);
  EXPECT_EQ(map.size(), 2u);
  EXPECT_EQ(map.Find("b"), nullptr);
  EXPECT_EQ(*map.Find("a"), 1);
  map.Insert("a", 4);
  EXPECT_EQ(*map.Find("a"), 4);
  EXPECT_EQ(*map.Find("c"), 3);
  map.Erase("c");
  EXPECT_EQ(map.Find("c"), nullptr);
  map.Clear();
  EXPECT_EQ(map.size(), 0u);
}

}  // namespace
}  // namespace pinion
