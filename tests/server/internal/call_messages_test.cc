// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/call_messages.h"

#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <string>

#include "gtest/gtest.h"

namespace pinion {
namespace {

using google::protobuf::FieldMask;
using google::protobuf::StringValue;

class CallMessagesTest : public ::testing::Test {
 protected:
  // What the two messages hold.
  size_t Kept() {
    return messages_.request().SpaceUsedLong() +
           messages_.response().SpaceUsedLong();
  }
  static std::string Serialized(int paths, size_t size) {
    FieldMask mask;
    for (int i = 0; i < paths; ++i) mask.add_paths(std::string(size, 'x'));
    return mask.SerializeAsString();
  }

  CallMessagesOf<FieldMask, StringValue> messages_;
};

TEST_F(CallMessagesTest, NothingOfTheCallBeforeIsLeft) {
  ASSERT_TRUE(messages_.Parse(Serialized(3, 10)));
  EXPECT_EQ(messages_.request().paths_size(), 3);
  messages_.response().set_value("secret");
  ASSERT_TRUE(messages_.Parse(Serialized(1, 5)));
  EXPECT_EQ(messages_.request().paths_size(), 1);
  EXPECT_EQ(messages_.request().paths(0), "xxxxx");
  EXPECT_EQ(messages_.response().value(), "");
  ASSERT_TRUE(messages_.Parse(""));
  EXPECT_EQ(messages_.request().paths_size(), 0);
}

TEST_F(CallMessagesTest, NothingIsLeftOfARequestThatCannotBeDecodedEither) {
  const std::string bytes = Serialized(2, 10);
  EXPECT_FALSE(messages_.Parse(bytes.substr(0, bytes.size() - 1)));
  messages_.response().set_value("secret");
  ASSERT_TRUE(messages_.Parse(Serialized(1, 5)));
  EXPECT_EQ(messages_.request().paths_size(), 1);
  EXPECT_EQ(messages_.response().value(), "");
}

TEST_F(CallMessagesTest, StringsKeepTheirMemory) {
  ASSERT_TRUE(messages_.Parse(Serialized(1, 1000)));
  const char* const memory = messages_.request().paths(0).data();
  ASSERT_TRUE(messages_.Parse(Serialized(1, 900)));
  EXPECT_EQ(messages_.request().paths(0).data(), memory);
}

TEST_F(CallMessagesTest, AMessageThatGrewOver64KiBIsFreed) {
  ASSERT_TRUE(messages_.Parse(Serialized(1, 1 << 20)));
  EXPECT_GT(Kept(), size_t{1} << 20);
  messages_.FreeIfLarge();
  EXPECT_LT(Kept(), CallMessages::kMaxKept);

  ASSERT_TRUE(messages_.Parse(Serialized(1, 10)));
  messages_.response().set_value(std::string(1 << 20, 'x'));
  messages_.NoteResponse(1 << 20);
  messages_.FreeIfLarge();
  EXPECT_LT(Kept(), CallMessages::kMaxKept);
}

// A list keeps each of its elements, and each element the most that it ever
// had: so many small messages could make one large one.
TEST_F(CallMessagesTest, ManySmallMessagesDoNotAddUpToALargeOne) {
  for (int large = 0; large < 1000; ++large) {
    FieldMask mask;
    for (int i = 0; i < 1000; ++i) {
      mask.add_paths(i == large ? std::string(4000, 'x') : "");
    }
    ASSERT_TRUE(messages_.Parse(mask.SerializeAsString()));
    messages_.FreeIfLarge();
    ASSERT_LT(Kept(), 4 * CallMessages::kMaxKept) << "after " << large;
  }
}

}  // namespace
}  // namespace pinion
