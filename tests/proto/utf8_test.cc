// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/utf8.h"

#include <string>

#include "gtest/gtest.h"

namespace pinion {
namespace {

TEST(Utf8Test, ABeginningDoesNotEndWithinACharacter) {
  const std::string text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
  const size_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (size_t most = 0; most < 13; ++most) {
    EXPECT_EQ(BeginningOf(text, most), text.substr(0, ends[most])) << most;
  }
}

TEST(Utf8Test, ABeginningOfOtherBytesIsAsLongAsItMayBe) {
  for (const char* part : {"\x80", "\xff", "\xc3", "\xf0\x80"}) {
    std::string bytes;
    for (int i = 0; i < 50; ++i) bytes += part;
    for (size_t most = 0; most < 40; ++most) {
      EXPECT_EQ(BeginningOf(bytes, most).size(), most) << part;
    }
  }
}

TEST(Utf8Test, InvalidBytesBecomeQuestionMarks) {
  EXPECT_EQ(ValidUtf8("a\xff\xc3\xa9\x80z"), "a?\xc3\xa9?z");
  EXPECT_EQ(ValidUtf8(""), "");
}

TEST(Utf8Test, LettersOfAnyScriptStayAndTheRestIsEscaped) {
  EXPECT_EQ(Escaped("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(Escaped("a\"\\\n\x1b"), R"(a\"\\\n\x1b)");
  // The commands that a terminal may read of two bytes.
  EXPECT_EQ(Escaped("\xc2\x9b"), R"(\xc2\x9b)");
  EXPECT_EQ(Escaped("\xc3\xa4\xff\xc3\xa4"), "\xc3\xa4\\xff\xc3\xa4");
  // What follows an escape and could belong to it.
  EXPECT_EQ(Escaped("\xff"
                    "a"),
            R"(\xff\x61)");
}

TEST(Utf8Test, WhatIsPrintedGivesATerminalNoCommands) {
  EXPECT_EQ(Printable("\"gr\u00fc\u00dfe\" \\ 'x'\n\t"),
            "\"gr\u00fc\u00dfe\" \\ 'x'\n\t");
  EXPECT_EQ(Printable("\x1b[2J\x7f\u009b\xff"), R"(\x1b[2J\x7f\xc2\x9b\xff)");
}

TEST(Utf8Test, AByteOrderMarkIsTakenOffOnce) {
  EXPECT_EQ(WithoutByteOrderMark("\xef\xbb\xbf{}"), "{}");
  EXPECT_EQ(WithoutByteOrderMark("{}\xef\xbb\xbf"), "{}\xef\xbb\xbf");
  EXPECT_EQ(WithoutByteOrderMark("\xef\xbb"), "\xef\xbb");
}

TEST(Utf8Test, AQuoteIsCutBetweenCharacters) {
  EXPECT_EQ(Quoted("\xc3\xa9\xc3\xa9", 3), "\"\xc3\xa9\"");
  EXPECT_EQ(Quoted("", 3), "\"\"");
}

}  // namespace
}  // namespace pinion
