// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/call_table.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace pinion::client_internal {
namespace {

class CallQueueTest : public ::testing::Test {
 protected:
  ClientCall& Wait() {
    ClientCall& call = calls_.Add();
    queue_.PushBack(call);
    return call;
  }
  // As of a call that expired, or was cancelled.
  void Remove(ClientCall& call) {
    queue_.NoteLeaves();
    calls_.Remove(call);
  }

  CallTable calls_;
  CallQueue queue_;
};

TEST_F(CallQueueTest, GivesTheCallsInOrderWithoutThoseThatHaveLeft) {
  std::vector<ClientCall*> calls;
  for (int i = 0; i < 1000; ++i) calls.push_back(&Wait());
  for (size_t i = 0; i < calls.size(); ++i) {
    if (i % 7 != 3) Remove(*calls[i]);
  }
  // Most take places in the table that others have left.
  std::vector<ClientCall*> later;
  for (int i = 0; i < 1000; ++i) later.push_back(&Wait());
  for (size_t i = 3; i < calls.size(); i += 7) {
    ASSERT_EQ(queue_.First(), calls[i]);
    queue_.NoteLeaves();
    queue_.PopFirst();
  }
  for (ClientCall* call : later) {
    ASSERT_EQ(queue_.First(), call);
    queue_.NoteLeaves();
    queue_.PopFirst();
  }
  EXPECT_EQ(queue_.First(), nullptr);
}

TEST_F(CallQueueTest, ForgetsThoseThatHaveLeftBehindOneThatStays) {
  ClientCall& first = Wait();
  size_t most = 0;
  for (int i = 0; i < 100'000; ++i) {
    Remove(Wait());
    most = std::max(most, queue_.entries());
  }
  EXPECT_LT(most, 100u);
  EXPECT_EQ(queue_.First(), &first);
}

TEST_F(CallQueueTest, GivesMemoryBackAfterABurst) {
  for (int i = 0; i < 100'000; ++i) Wait();
  while (queue_.First() != nullptr) {
    queue_.NoteLeaves();
    queue_.PopFirst();
  }
  EXPECT_EQ(queue_.entries(), 0u);
  ClientCall& next = Wait();
  EXPECT_EQ(queue_.First(), &next);
}

TEST(CallTableTest, AReusedSlotHasANewCall) {
  CallTable calls;
  ClientCall& call = calls.Add();
  const uint32_t generation = call.generation;
  call.attempts = 3;
  call.cancelled_at = SteadyTime();
  calls.Reuse(call);
  EXPECT_EQ(call.state, CallState::kReserved);
  EXPECT_NE(call.generation, generation);
  EXPECT_EQ(call.attempts, 0);
  EXPECT_FALSE(call.cancelled());
  EXPECT_EQ(call.stream, nullptr);
  EXPECT_EQ(calls.size(), 1u);
  EXPECT_NE(&calls.Add(), &call);
}

TEST(RequestBytesTest, UseTheSameMemoryAgainUpTo4KiB) {
  RequestBytes bytes;
  const char* const memory = bytes.Resize(50);
  EXPECT_EQ(bytes.Resize(0), memory);
  EXPECT_EQ(bytes.view(), "");
  EXPECT_EQ(bytes.Resize(60), memory);  // There was a little more.
  EXPECT_EQ(bytes.size(), 60u);
  bytes.Resize(4096);
  const char* const large = bytes.view().data();
  bytes.Trim();
  EXPECT_EQ(bytes.Resize(4096), large);
  bytes.Resize(4097);
  bytes.Trim();
  EXPECT_EQ(bytes.size(), 0u);
  EXPECT_EQ(bytes.view().data(), nullptr);
}

TEST(HeldBytesTest, CountTheRequestTheMetadataAndTheCallItself) {
  EXPECT_EQ(HeldBytes(0, nullptr), 128);
  const Metadata metadata = {{"name", std::string(1000, 'v')}};
  EXPECT_GE(HeldBytes(100, &metadata), 128 + 100 + 1004);
}

}  // namespace
}  // namespace pinion::client_internal
