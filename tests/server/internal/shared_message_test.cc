// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/shared_message.h"

#include <google/protobuf/wrappers.pb.h>

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/internal/holding.h"

namespace pinion {
namespace {

constexpr int64_t kServerBytes = 1000;

// Serialized; its value has a tag and a length of one or two bytes.
SharedMessage OfBytes(size_t size) {
  google::protobuf::BytesValue message;
  message.set_value(std::string(size - (size < 130 ? 2 : 3), 'x'));
  return SharedMessage(message);
}

class SharedMessageTest : public ::testing::Test {
 protected:
  Credit credit_{/*max_calls=*/10, kServerBytes};
  Holding one_, other_;
};

TEST_F(SharedMessageTest, CountsOnceForTheServerAndOnceForEachClient) {
  const SharedMessage message = OfBytes(100);
  for (Holding* party : {&one_, &one_, &other_}) {
    EXPECT_EQ(message.BeginPending(credit_, party), Credit::Grant::kGranted);
  }
  EXPECT_EQ(credit_.bytes(), 100);
  EXPECT_EQ(one_.Look().bytes(), 100);
  EXPECT_EQ(other_.Look().bytes(), 100);
}

TEST_F(SharedMessageTest, IsReleasedWithTheLastStreamOfEach) {
  const SharedMessage message = OfBytes(100);
  for (Holding* party : {&one_, &one_, &other_}) {
    ASSERT_EQ(message.BeginPending(credit_, party), Credit::Grant::kGranted);
  }
  message.EndPending(credit_, &one_);
  EXPECT_EQ(one_.Look().bytes(), 100);
  message.EndPending(credit_, &one_);
  EXPECT_EQ(one_.Look().bytes(), 0);
  EXPECT_EQ(credit_.bytes(), 100);
  message.EndPending(credit_, &other_);
  EXPECT_EQ(other_.Look().bytes(), 0);
  EXPECT_EQ(credit_.bytes(), 0);
}

TEST_F(SharedMessageTest, OneClientGetsAboutHalfOfTheServer) {
  const SharedMessage first = OfBytes(300), second = OfBytes(300);
  EXPECT_EQ(first.BeginPending(credit_, &one_), Credit::Grant::kGranted);
  EXPECT_EQ(second.BeginPending(credit_, &one_), Credit::Grant::kShareOfBytes);
  EXPECT_EQ(credit_.bytes(), 300);
  EXPECT_EQ(one_.Look().bytes(), 300);
}

TEST_F(SharedMessageTest, IsNotSharedBeyondTheShareOfWhoTakesItToo) {
  const SharedMessage large = OfBytes(450);
  ASSERT_EQ(credit_.Reserve(0, 200, &other_), Credit::Grant::kGranted);
  ASSERT_EQ(credit_.Reserve(0, 200, &one_), Credit::Grant::kGranted);
  EXPECT_EQ(large.BeginPending(credit_, nullptr), Credit::Grant::kGranted);
  EXPECT_EQ(large.BeginPending(credit_, &one_), Credit::Grant::kShareOfBytes);
  EXPECT_EQ(one_.Look().bytes(), 200);
  large.EndPending(credit_, nullptr);
  EXPECT_EQ(credit_.bytes(), 400);
}

TEST_F(SharedMessageTest, CountsEachTimeForAServerThatIsNotTheFirst) {
  Credit another(10, kServerBytes);
  const SharedMessage message = OfBytes(100);
  ASSERT_EQ(message.BeginPending(credit_, nullptr), Credit::Grant::kGranted);
  ASSERT_EQ(message.BeginPending(another, nullptr), Credit::Grant::kGranted);
  ASSERT_EQ(message.BeginPending(another, nullptr), Credit::Grant::kGranted);
  EXPECT_EQ(credit_.bytes(), 100);
  EXPECT_EQ(another.bytes(), 200);
  message.EndPending(another, nullptr);
  message.EndPending(another, nullptr);
  EXPECT_EQ(another.bytes(), 0);
}

}  // namespace
}  // namespace pinion
