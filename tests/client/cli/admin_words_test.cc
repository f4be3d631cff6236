// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/admin_words.h"

#include "gtest/gtest.h"
#include "pinion/client/cli/admin_json.h"

namespace pinion::cli {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

TEST(AdminWordsTest, NumbersAreShortAndRounded) {
  EXPECT_EQ(CountText(0), "0");
  EXPECT_EQ(CountText(9'999), "9999");
  EXPECT_EQ(CountText(16'384), "16.4k");
  EXPECT_EQ(CountText(999'950), "1.00M");
  EXPECT_EQ(CountText(1'234'567), "1.23M");
  EXPECT_EQ(NumberText(0), "0");
  EXPECT_EQ(NumberText(0.25), "0.25");
  EXPECT_EQ(NumberText(9.996), "10.0");
  EXPECT_EQ(NumberText(692'357), "692k");
  EXPECT_EQ(ShareText(0.0534), "5.3%");
}

TEST(AdminWordsTest, SpansHaveUnits) {
  EXPECT_EQ(SpanText(0), "0s");
  EXPECT_EQ(SpanText(820), "820ns");
  EXPECT_EQ(SpanText(12'300), "12.3us");
  EXPECT_EQ(SpanText(999'600), "1.00ms");
  EXPECT_EQ(SpanText(4'200'000'000), "4.20s");
  EXPECT_EQ(SpanText(59'960'000'000), "1m 00s");
  EXPECT_EQ(SpanText(184 * kSecond), "3m 04s");
  EXPECT_EQ(SpanText(125 * 60 * kSecond), "2h 05m");
  EXPECT_EQ(SpanText(76 * 3600 * kSecond), "3d 04h");
}

TEST(AdminWordsTest, SizesHaveUnits) {
  EXPECT_EQ(SizeText(0), "0 B");
  EXPECT_EQ(SizeText(1023), "1023 B");
  EXPECT_EQ(SizeText(3174), "3.1 KiB");
  EXPECT_EQ(SizeText(int64_t{256} << 20), "256 MiB");
  EXPECT_EQ(SizeText((int64_t{1} << 20) - 1), "1 MiB");
}

TEST(AdminWordsTest, TimesAreThoseOfTheZone) {
  EXPECT_EQ(TimeText(1'796'117'467'000, absl::UTCTimeZone()),
            "2026-12-01 09:31:07");
  EXPECT_EQ(TimeText(1'796'117'467'000, absl::FixedTimeZone(3600)),
            "2026-12-01 10:31:07");
  EXPECT_EQ(TimeText(0, absl::UTCTimeZone()), "-");
}

TEST(AdminWordsTest, CodesHaveNames) {
  EXPECT_EQ(CodeText(0), "OK");
  EXPECT_EQ(CodeText(5), "NOT_FOUND");
  EXPECT_EQ(CodeText(99), "code 99");
}

TEST(AdminWordsTest, AKeyIsShownOnlyIfTheServerShowsIt) {
  admin::v1::KeyName key;
  key.set_hash(0x123456789abcdef);
  key.set_slot(17);
  EXPECT_EQ(KeyText(key), "#0123456789abcdef slot 17");
  EXPECT_EQ(KeyWords(key), "the key with the hash 0123456789abcdef in slot 17");
  EXPECT_EQ(KeyWithoutSlot(key), "the key with the hash 0123456789abcdef");
  key.set_key("");
  EXPECT_EQ(KeyText(key), "\"\"");
  key.set_key("cart-17");
  EXPECT_EQ(KeyText(key), "cart-17");
  EXPECT_EQ(KeyWords(key), "the key \"cart-17\"");
  EXPECT_EQ(KeyWithoutSlot(key), "the key \"cart-17\"");
}

TEST(AdminWordsTest, WhatRunsIsACallOrOtherWork) {
  admin::v1::Running running;
  EXPECT_EQ(RunningWords(running), "other work");
  running.set_work("a hop of shop.v1.CartService");
  EXPECT_EQ(RunningWords(running), "a hop of shop.v1.CartService");
  running.set_method("/shop.v1.CartService/Add");
  running.mutable_key()->set_key("cart-17");
  running.set_principal("x509:cart");
  EXPECT_EQ(RunningWords(running),
            "/shop.v1.CartService/Add of the key \"cart-17\" for x509:cart");
}

// What strangers may name, with commands for a terminal in it.
TEST(AdminWordsTest, NothingThatAStrangerNamesIsACommandForTheTerminal) {
  const std::string hostile = "a\x1b[2J\r\n\u009b1m\u202eb\x7f";
  const std::string shown = R"(a\x1b[2J\r\n\xc2\x9b1m\xe2\x80\xaeb\x7f)";
  EXPECT_EQ(Words(hostile), shown);
  admin::v1::Running running;
  running.set_method(hostile);
  running.mutable_key()->set_key(hostile);
  running.set_principal(hostile);
  EXPECT_EQ(KeyText(running.key()), shown);
  EXPECT_EQ(RunningWords(running),
            shown + " of the key \"" + shown + "\" for " + shown);
}

TEST(AdminJsonTest, IsOneObjectWithTheNamesOfTheProto) {
  admin::v1::SetResponse response;
  response.set_old_value("1");
  EXPECT_EQ(AdminJson(response), R"({"old_value":"1","new_value":""})");
}

TEST(AdminJsonTest, ControlCharactersAreEscaped) {
  admin::v1::SetResponse response;
  response.set_old_value("a\x1b[2J\u009b\u202e\u2066\u061cb\"");
  EXPECT_EQ(AdminJson(response),
            R"({"old_value":"a\u001b[2J\u009b\u202e\u2066\u061cb\"",)"
            R"("new_value":""})");
}

TEST(AdminWordsTest, WhatIsNotSeenIsSeen) {
  const std::string zero_width = "cart\u200b-17";
  const std::string tag = "cart\U000e0041-17";
  EXPECT_EQ(Words(zero_width), R"(cart\xe2\x80\x8b-17)");
  EXPECT_EQ(Words(tag), R"(cart\xf3\xa0\x81\x81-17)");
  EXPECT_EQ(Words("\u2764\ufe0f"), "\u2764\\xef\\xb8\\x8f");
  admin::v1::SetResponse response;
  response.set_old_value(zero_width);
  response.set_new_value(tag + "\u00ad\ufe0f");
  EXPECT_EQ(AdminJson(response),
            R"({"old_value":"cart\u200b-17",)"
            R"("new_value":"cart\udb40\udc41-17\u00ad\ufe0f"})");
}

}  // namespace
}  // namespace pinion::cli
