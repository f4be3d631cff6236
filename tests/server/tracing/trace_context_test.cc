// SPDX-License-Identifier: Apache-2.0
//
// What is taken as `traceparent` and `tracestate`, and what is not.
#include "pinion/server/trace_context.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/server/tracing/trace_headers.h"

namespace pinion {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpan[] = "00f067aa0ba902b7";

std::string Parent(const std::string& version, const std::string& trace,
                   const std::string& span, const std::string& flags,
                   const std::string& more = "") {
  return absl::StrCat(version, "-", trace, "-", span, "-", flags, more);
}

TEST(TraceContextTest, ReadsVersion00AndWritesItAgain) {
  const std::string sampled = Parent("00", kTrace, kSpan, "01");
  const auto context = TraceContext::Parse(sampled, "vendor=1");
  ASSERT_TRUE(context.has_value());
  EXPECT_TRUE(context->sampled);
  EXPECT_EQ(context->trace_id[0], 0x4b);
  EXPECT_EQ(context->trace_id[15], 0x36);
  EXPECT_EQ(context->span_id[1], 0xf0);
  EXPECT_EQ(context->span_id[7], 0xb7);
  EXPECT_EQ(context->tracestate, "vendor=1");
  EXPECT_EQ(context->traceparent(), sampled);
  const std::string not_sampled = Parent("00", kTrace, kSpan, "00");
  EXPECT_FALSE(TraceContext::Parse(not_sampled)->sampled);
  EXPECT_EQ(TraceContext::Parse(not_sampled)->traceparent(), not_sampled);
}

TEST(TraceContextTest, OnlyTheLowestFlagSaysThatATraceIsSampled) {
  EXPECT_TRUE(TraceContext::Parse(Parent("00", kTrace, kSpan, "03"))->sampled);
  EXPECT_TRUE(TraceContext::Parse(Parent("00", kTrace, kSpan, "ff"))->sampled);
  EXPECT_FALSE(TraceContext::Parse(Parent("00", kTrace, kSpan, "fe"))->sampled);
}

TEST(TraceContextTest, ReadsALaterVersionAsFarAsVersion00Goes) {
  for (const char* more : {"", "-", "-what-comes-then", "-\xff"}) {
    const auto context =
        TraceContext::Parse(Parent("cc", kTrace, kSpan, "01", more));
    ASSERT_TRUE(context.has_value()) << more;
    EXPECT_EQ(context->traceparent(), Parent("00", kTrace, kSpan, "01"));
  }
  EXPECT_FALSE(TraceContext::Parse(Parent("cc", kTrace, kSpan, "01", ".more")));
  EXPECT_FALSE(TraceContext::Parse(Parent("cc", kTrace, kSpan, "011")));
}

TEST(TraceContextTest, TakesNothingElse) {
  const std::string zeros(32, '0');
  const std::string bad[] = {
      "",
      "-",
      "00",
      Parent("ff", kTrace, kSpan, "01"),
      Parent("0g", kTrace, kSpan, "01"),
      Parent("0", kTrace, kSpan, "01"),
      Parent("000", kTrace, kSpan, "01"),
      Parent("CC", kTrace, kSpan, "01"),
      // Nothing may follow version 00.
      Parent("00", kTrace, kSpan, "01", "-"),
      Parent("00", kTrace, kSpan, "01", "-more"),
      Parent("00", kTrace, kSpan, "01", " "),
      Parent("00", kTrace, kSpan, "0"),
      Parent("00", kTrace, kSpan, ""),
      Parent("00", kTrace, kSpan, "0x"),
      Parent("00", kTrace, kSpan, "0A"),
      Parent("00", zeros, kSpan, "01"),
      Parent("00", kTrace, zeros.substr(0, 16), "01"),
      Parent("00", "4BF92F3577B34DA6A3CE929D0E0E4736", kSpan, "01"),
      Parent("00", kTrace, "00F067AA0BA902B7", "01"),
      Parent("00", "4bf92f3577b34da6a3ce929d0e0e473", kSpan, "01"),
      Parent("00", "4bf92f3577b34da6a3ce929d0e0e473.", kSpan, "01"),
      Parent("00", kTrace, "00f067aa0ba902b", "01"),
      Parent("00", kTrace, "00f067aa0ba902b7a", "01"),
      absl::StrCat(" ", Parent("00", kTrace, kSpan, "01")),
      absl::StrCat("00_", kTrace, "-", kSpan, "-01"),
      absl::StrCat("00-", kTrace, "_", kSpan, "-01"),
      absl::StrCat("00-", kTrace, "-", kSpan, "_01"),
      std::string(55, '\0'),
      std::string(1 << 16, '0'),
  };
  for (const std::string& text : bad) {
    EXPECT_EQ(TraceContext::Parse(text), std::nullopt) << text.substr(0, 80);
  }
}

TEST(TraceContextTest, GoesOnWithoutAStateThatIsTooLongOrNotPrintable) {
  const std::string parent = Parent("00", kTrace, kSpan, "01");
  const std::string longest(TraceContext::kMaxStateBytes, 'a');
  EXPECT_EQ(TraceContext::Parse(parent, longest)->tracestate, longest);
  for (const std::string& state :
       {longest + "a", std::string("a=\n"), std::string("a=\xc3\xa4")}) {
    const auto context = TraceContext::Parse(parent, state);
    ASSERT_TRUE(context.has_value());
    EXPECT_EQ(context->tracestate, "");
  }
}

TEST(TraceHeadersTest, JoinsTheStatesAndTrustsNoneOfTwoParents) {
  const std::string parent = Parent("00", kTrace, kSpan, "01");
  TraceHeaders headers;
  EXPECT_EQ(headers.Parse(), std::nullopt);
  headers.Add("tracestate", "a=1");
  headers.Add("traceparents", "b=1");
  headers.Add("user-agent", "c=1");
  EXPECT_EQ(headers.Parse(), std::nullopt) << "a state alone";
  headers.Add("traceparent", parent);
  headers.Add("tracestate", "d=1");
  EXPECT_EQ(headers.Parse()->tracestate, "a=1,d=1");
  headers.Add("traceparent", parent);
  EXPECT_EQ(headers.Parse(), std::nullopt);
}

TEST(TraceHeadersTest, KeepsLittleOfAStateThatIsTooLong) {
  const std::string parent = Parent("00", kTrace, kSpan, "01");
  TraceHeaders headers;
  headers.Add("traceparent", parent);
  for (int i = 0; i < 100; ++i) {
    headers.Add("tracestate", std::string(1000, 'a'));
  }
  EXPECT_EQ(headers.Parse()->tracestate, "");
}

}  // namespace
}  // namespace pinion
