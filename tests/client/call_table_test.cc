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

TEST(HeldBytesTest, CountTheRequestTheMetadataAndTheCallItself) {
  EXPECT_EQ(HeldBytes(0, nullptr), 128);
  const Metadata metadata = {{"name", std::string(1000, 'v')}};
  EXPECT_GE(HeldBytes(100, &metadata), 128 + 100 + 1004);
}

}  // namespace
}  // namespace pinion::client_internal
