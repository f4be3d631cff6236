// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/json_string.h"

#include <string>

#include "gtest/gtest.h"

namespace pinion {
namespace {

TEST(JsonStringTest, EscapesWhatMustNotStandInQuotes) {
  EXPECT_EQ(JsonString(""), R"("")");
  EXPECT_EQ(JsonString("a\"b\\c\n\x01\x7f"), R"("a\"b\\c\u000a\u0001\u007f")");
  EXPECT_EQ(JsonString(absl::string_view("\0", 1)), R"("\u0000")");
  // What a terminal may take for a command, what ends a line, and what turns
  // the rest of it round.
  EXPECT_EQ(JsonString("\u009b\u2028\u202e"), R"("\u009b\u2028\u202e")");
}

TEST(JsonStringTest, EscapesWhatIsNotSeen) {
  EXPECT_EQ(JsonString("a\u200bb\ufe0f"), R"("a\u200bb\ufe0f")");
  // As JSON has it, in two halves.
  EXPECT_EQ(JsonString("\U000e0041"), R"("\udb40\udc41")");
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

}  // namespace
}  // namespace pinion
