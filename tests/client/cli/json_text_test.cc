// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/json_text.h"

#include <string>

#include "gtest/gtest.h"

namespace pinion::cli {
namespace {

TEST(JsonStringTest, EscapesWhatMustNotStandInQuotes) {
  EXPECT_EQ(JsonString(""), R"("")");
  EXPECT_EQ(JsonString("a\"b\\c\n\x01\x7f"), R"("a\"b\\c\u000a\u0001\u007f")");
  EXPECT_EQ(JsonString(absl::string_view("\0", 1)), R"("\u0000")");
}

TEST(JsonStringTest, KeepsUtf8AndReplacesWhatIsNone) {
  EXPECT_EQ(JsonString("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
  // A lone end, a cut begin, too long a form, half of a pair, beyond the last.
  for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xe2\x82", "\xff"}) {
    const std::string json = JsonString(bad);
    EXPECT_EQ(json.substr(0, 4), "\"\xef\xbf\xbd") << json;
  }
  EXPECT_EQ(JsonString("a\xffz"), "\"a\xef\xbf\xbdz\"");
}

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
