// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/plain_text.h"

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

// "LINE:COLUMN: TEXT", or "".
std::string Complaint(absl::string_view text) {
  const absl::optional<ConfigMistake> mistake = WhyNotPlainText(text);
  return mistake.has_value() ? mistake->ToString() : "";
}

// With the NUL bytes that a literal has.
template <size_t kSize>
std::string Complaint(const char (&text)[kSize]) {
  return Complaint(absl::string_view(text, kSize - 1));
}

TEST(PlainTextTest, TakesUtf8WithTabsAndAnyLineEnd) {
  EXPECT_EQ(Complaint(""), "");
  EXPECT_EQ(Complaint("a: 1\r\nb:\t2\n"), "");
  EXPECT_EQ(Complaint("caf\xc3\xa9: \xe4\xbd\xa0 \xf0\x9f\x99\x82\n"), "");
}

TEST(PlainTextTest, TellsAnotherEncodingOnce) {
  const std::string is_utf16 =
      ":1:1: the file is UTF-16 or UTF-32; save it as UTF-8";
  EXPECT_EQ(Complaint("\xff\xfe"
                      "a\0:\0"),
            is_utf16);
  EXPECT_EQ(Complaint("\xfe\xff\0a\0:"), is_utf16);
  EXPECT_EQ(Complaint("\xff\xfe\0\0a\0\0\0"), is_utf16);
  EXPECT_EQ(Complaint("\xef\xbb\xbf"
                      "a: 1\n"),
            ":1:1: the file begins with a byte-order mark; save it as UTF-8 "
            "without one");
  EXPECT_EQ(Complaint("a\0:\0"),
            ":1:2: there is a NUL byte; if the file is UTF-16, save it as "
            "UTF-8");
  EXPECT_EQ(Complaint("a: 1\nb: caf\xe9\n"),
            ":2:7: the byte 0xE9 is not UTF-8; save the file as UTF-8");
}

TEST(PlainTextTest, CountsColumnsInCharacters) {
  EXPECT_EQ(Complaint("\n\xc3\xa9\xe4\xbd\xa0\xff"),
            ":2:3: the byte 0xFF is not UTF-8; save the file as UTF-8");
}

TEST(PlainTextTest, TellsACharacterThatNobodySees) {
  for (const char* text :
       {"a\x07", "a\x7f", "a\xc2\x85", "a\xc2\x9b", "a\xe2\x80\xa8",
        "a\xe2\x80\xa9", "a\xef\xbb\xbf", "a\xef\xbf\xbf"}) {
    EXPECT_NE(Complaint(absl::string_view(text)), "") << text;
  }
  EXPECT_EQ(Complaint("a: \x1b[2J\n"),
            ":1:4: the character U+001B must not stand in a configuration; in "
            "double quotes write \"\\u001B\"");
}

TEST(PlainTextTest, TellsTheSizeOfALargeFile) {
  EXPECT_EQ(Complaint(absl::string_view(std::string(kMostConfigBytes, ' '))),
            "");
  EXPECT_EQ(
      Complaint(absl::string_view(std::string(kMostConfigBytes + 1, '\0'))),
      "the file has 1048577 bytes or more; a configuration has at most "
      "1048576");
}

TEST(PlainTextTest, QuotedTextIsPlain) {
  EXPECT_EQ(YamlQuoted("a \"b\" \\ \n\t\r\x1b \xc3\xa9 \xe2\x80\xa8"),
            "\"a \\\"b\\\" \\\\ \\n\\t\\u000D\\u001B \xc3\xa9 \\u2028\"");
}

}  // namespace
}  // namespace pinion
