// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/json_text.h"

#include "gtest/gtest.h"

namespace pinion::cli {
namespace {

TEST(JsonMembersTest, ValuesStandAsTheyAreWritten) {
  const auto members = JsonMembersOf(
      R"( { "method" : "\/a" , "request":{"n":9007199254740993,"s":"},]\"" } ,)"
      R"("l":[1,{"x":[]}], "last" : true } )");
  ASSERT_TRUE(members.has_value());
  const JsonMembers expected = {
      {"method", R"("\/a")"},
      {"request", R"({"n":9007199254740993,"s":"},]\"" })"},
      {"l", R"([1,{"x":[]}])"},
      {"last", "true"}};
  EXPECT_EQ(*members, expected);
  EXPECT_EQ(JsonMembersOf("{}")->size(), 0u);
}

TEST(JsonMembersTest, WhatIsNotOneObjectHasNone) {
  for (const char* bad :
       {"", "[]", "1", "{", "}", R"({"a")", R"({"a":})", R"({"a":1,})",
        R"({"a":1}})", R"({"a":[1})", R"({"a":"1})", R"({a:1})", R"({"a" 1})",
        R"({"a":1} {"a":1})", R"({"a":"\)", R"({,})"}) {
    EXPECT_FALSE(JsonMembersOf(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace pinion::cli
