// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/open_calls.h"

#include <cstdint>
#include <deque>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace pinion {
namespace {

struct Call {
  uint64_t id() const { return its_id; }
  uint64_t its_id;
};

class OpenCallsTest : public ::testing::Test {
 protected:
  static constexpr int64_t kMaxCalls = 100;

  Call* Make(uint64_t id) { return &calls_.emplace_back(Call{id}); }
  std::set<uint64_t> Ids() const {
    std::set<uint64_t> ids;
    open_.ForEach([&](const Call& call) {
      EXPECT_TRUE(ids.insert(call.id()).second) << call.id();
    });
    return ids;
  }

  std::deque<Call> calls_;
  OpenCallsOf<Call> open_{kMaxCalls};
};

TEST_F(OpenCallsTest, FindsCallsBySmallAndByLargeIds) {
  for (const uint64_t id : {uint64_t{0}, uint64_t{63}, uint64_t{64},
                            uint64_t{199}, uint64_t{200}, UINT64_MAX}) {
    Call* const call = Make(id);
    EXPECT_EQ(open_.Find(id), nullptr) << id;
    EXPECT_TRUE(open_.Insert(call)) << id;
    EXPECT_EQ(open_.Find(id), call) << id;
  }
  EXPECT_EQ(open_.size(), 6u);
  EXPECT_EQ(Ids(), (std::set<uint64_t>{0, 63, 64, 199, 200, UINT64_MAX}));
}

TEST_F(OpenCallsTest, KeepsTheCallThatHasAnIdUntilItIsErased) {
  for (const uint64_t id : {uint64_t{7}, uint64_t{1} << 40}) {
    Call* const first = Make(id);
    EXPECT_TRUE(open_.Insert(first));
    EXPECT_FALSE(open_.Insert(Make(id)));
    EXPECT_EQ(open_.Find(id), first);
    EXPECT_EQ(open_.size(), 1u);
    open_.Erase(id);
    EXPECT_EQ(open_.Find(id), nullptr);
    EXPECT_TRUE(open_.empty());
    EXPECT_TRUE(open_.Insert(Make(id)));
    open_.Erase(id);
  }
}

TEST_F(OpenCallsTest, IsAsASetOfIdsInAnyOrderOfInsertionsAndErasures) {
  std::mt19937_64 random(1);
  std::set<uint64_t> model;
  const uint64_t ids[] = {10, 300, uint64_t{1} << 50};
  for (int i = 0; i < 20000; ++i) {
    const uint64_t id = random() % ids[random() % 3] % 400;
    if (random() % 2 == 0) {
      EXPECT_EQ(open_.Insert(Make(id)), model.insert(id).second);
    } else if (model.erase(id) > 0) {
      open_.Erase(id);
    }
    ASSERT_EQ(open_.size(), model.size());
  }
  EXPECT_EQ(Ids(), model);
}

}  // namespace
}  // namespace pinion
