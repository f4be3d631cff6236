// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/callback_batch.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/client/internal/call_table.h"

namespace pinion::client_internal {
namespace {

constexpr char kMethod[] = "/package.Service/Method";

class CallbackBatchTest : public ::testing::Test {
 protected:
  CallTable calls_;
  CallbackBatch batch_;
};

TEST_F(CallbackBatchTest, IsTheThreadsForItsOwnerWhileTheScopeExists) {
  const int owner = 0;
  const int other = 0;
  EXPECT_EQ(CallbackBatch::Of(&owner), nullptr);
  {
    const CallbackBatch::Scope scope(batch_, &owner);
    EXPECT_EQ(CallbackBatch::Of(&owner), &batch_);
    EXPECT_EQ(CallbackBatch::Of(&other), nullptr);
    CallbackBatch inner;
    {
      const CallbackBatch::Scope within(inner, &other);
      EXPECT_EQ(CallbackBatch::Of(&owner), nullptr);
      EXPECT_EQ(CallbackBatch::Of(&other), &inner);
    }
    EXPECT_EQ(CallbackBatch::Of(&owner), &batch_);
  }
  EXPECT_EQ(CallbackBatch::Of(&owner), nullptr);
}

TEST_F(CallbackBatchTest, StartsReservedCallsOfKnownMethods) {
  EXPECT_EQ(batch_.StartReserved(kMethod), nullptr);
  ClientCall& call = calls_.Add();
  batch_.Reserve(call);
  EXPECT_EQ(batch_.StartReserved(kMethod), nullptr);
  EXPECT_EQ(batch_.StartReserved(""), nullptr);
  batch_.Learn(7, kMethod);
  EXPECT_FALSE(batch_.has_more());
  EXPECT_EQ(batch_.StartReserved(kMethod), &call);
  EXPECT_EQ(call.method, 7u);
  EXPECT_TRUE(batch_.has_more());
  EXPECT_EQ(batch_.StartReserved(kMethod), nullptr);
}

TEST_F(CallbackBatchTest, KnowsTheLastEightMethods) {
  std::string names[10];
  for (uint32_t i = 0; i < 10; ++i) {
    names[i] = absl::StrCat(kMethod, i);
    batch_.Learn(i + 1, names[i]);
    batch_.Learn(i + 1, names[i]);  // Known already.
  }
  for (int round = 0; round < 2; ++round) {
    for (uint32_t i = 0; i < 10; ++i) {
      batch_.Reserve(calls_.Add());
      ClientCall* const call = batch_.StartReserved(names[i]);
      ASSERT_EQ(call != nullptr, i >= 2) << i;
      if (call != nullptr) {
        EXPECT_EQ(call->method, i + 1);
      }
    }
  }
}

TEST_F(CallbackBatchTest, GivesARecycledSlotToTheNextCallWithoutItsExtras) {
  batch_.Learn(1, kMethod);
  ClientCall& call = calls_.Add();
  call.MakeExtras().worker = 3;
  call.payload.Resize(5000);
  calls_.Reuse(call);
  batch_.Recycle(call);
  ASSERT_EQ(batch_.StartReserved(kMethod), &call);
  EXPECT_EQ(call.extras, nullptr);
  EXPECT_EQ(call.payload.size(), 0u);
}

TEST_F(CallbackBatchTest, WantsMoreCallsTheMoreWereLacking) {
  batch_.CountLacking();
  EXPECT_FALSE(batch_.has_more());
  size_t before = 0;
  for (int i = 0; i < 10; ++i) {
    batch_.CountOne();
    EXPECT_TRUE(batch_.has_more());
    EXPECT_GE(batch_.lacking(), before);
    before = batch_.lacking();
  }
  EXPECT_EQ(batch_.lacking(), 63u);
  batch_.CountLacking();
  EXPECT_EQ(batch_.lacking(), 0u);
}

}  // namespace
}  // namespace pinion::client_internal
