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

TEST(Utf8Test, ALineOfALogIsOneLineAndStaysAsItIsWhenItIsMadeOneAgain) {
  const std::string line = OneLine("\"gr\u00fc\u00dfe\" \\ \n\t\x1b[2J\r\xff");
  EXPECT_EQ(line, "\"gr\u00fc\u00dfe\" \\ \\n\\t\\x1b[2J\\r\\xff");
  EXPECT_EQ(OneLine(line), line);
}

TEST(Utf8Test, WhatTurnsALineRoundOrIsNotSeenIsAControlCharacter) {
  for (const char* control :
       {"\u061c", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202e",
        "\u2066", "\u2069", "\ufeff", "\u0085", "\u009f",
        // A soft hyphen, joiners, fillers, selectors of variants, tags.
        "\u00ad", "\u034f", "\u115f", "\u17b4", "\u180e", "\u200b", "\u200d",
        "\u2060", "\u206f", "\u3164", "\ufe00", "\ufe0f", "\uffa0", "\ufff9",
        "\U0001bca0", "\U0001d173", "\U000e0001", "\U000e0041", "\U000e01ef",
        "\U000e0fff"}) {
    for (const auto shown : {Escaped, Printable, OneLine}) {
      EXPECT_EQ(shown(control).find(control), std::string::npos)
          << shown(control);
    }
  }
  // Their neighbours.
  for (const char* letter :
       {"\u00a0",     "\u00ac",     "\u00ae",     "\u034e",     "\u0350",
        "\u061b",     "\u061d",     "\u115e",     "\u1161",     "\u17b3",
        "\u17b6",     "\u180a",     "\u1810",     "\u200a",     "\u2010",
        "\u2027",     "\u202f",     "\u205f",     "\u2070",     "\u3163",
        "\u3165",     "\ufdff",     "\ufe10",     "\ufefe",     "\uff00",
        "\uff9f",     "\uffa1",     "\ufffc",     "\ufffd",     "\U0001bc9f",
        "\U0001bca4", "\U0001d172", "\U0001d17b", "\U000dffff", "\U000e1000",
        "\U0001f600"}) {
    EXPECT_EQ(OneLine(letter), letter);
  }
}

TEST(Utf8Test, ACodePointIsThatOfEachLength) {
  EXPECT_EQ(CodePointOf("\x7f"), U'\x7f');
  EXPECT_EQ(CodePointOf("\u00e9"), U'\u00e9');
  EXPECT_EQ(CodePointOf("\u20ac"), U'\u20ac');
  EXPECT_EQ(CodePointOf("\U0001f600"), U'\U0001f600');
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
