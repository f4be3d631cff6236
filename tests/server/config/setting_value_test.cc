// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/setting_value.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "gtest/gtest.h"
#include "tests/server/config/garden.pb.h"

namespace pinion::testing {
namespace {

const google::protobuf::FieldDescriptor& Field(const char* name) {
  return *Garden::descriptor()->FindFieldByName(name);
}

// What is said of `text` as the field's value; empty: it is valid.
std::string Complaint(const char* name, absl::string_view text) {
  Garden garden;
  const absl::Status set = SetValue(&garden, Field(name), text);
  EXPECT_EQ(set.ok(), garden.ByteSizeLong() > 0)
      << "the field is set if the value is valid, and left otherwise";
  return std::string(set.message());
}

TEST(SettingValueTest, SetsEachKindOfField) {
  Garden garden;
  const std::pair<const char*, const char*> values[] = {
      {"name", "a b"},
      {"seal", "wax"},
      {"open", "true"},
      {"small", "-5"},
      {"large", "5"},
      {"small_count", "6"},
      {"large_count", "7"},
      {"share", "0.5"},
      {"exact", "1e-300"},
      {"season", "spring"},
      {"soil", "clay"},
      {"watered_every", "1h"},
      {"visitors", "ann"},
      {"visitors", "bob"},
      {"years", "1999"},
      {"seasons", "spring"},
      {"breaks", "5m"},
      {"jars", "1KiB"},
      {"seasons", "late_autumn"},
  };
  for (const auto& [name, text] : values) {
    EXPECT_EQ(SetValue(&garden, Field(name), text), absl::OkStatus()) << name;
  }
  EXPECT_EQ(garden.name(), "a b");
  EXPECT_EQ(garden.seal(), "wax");
  EXPECT_TRUE(garden.open());
  EXPECT_EQ(garden.small(), -5);
  EXPECT_EQ(garden.large(), 5);
  EXPECT_EQ(garden.small_count(), 6u);
  EXPECT_EQ(garden.large_count(), 7u);
  EXPECT_EQ(garden.share(), 0.5f);
  EXPECT_EQ(garden.exact(), 1e-300);
  EXPECT_EQ(garden.season(), SEASON_SPRING);
  EXPECT_EQ(garden.soil(), CLAY);
  EXPECT_EQ(garden.watered_every().seconds(), 3600);
  EXPECT_EQ(garden.visitors_size(), 2);
  EXPECT_EQ(garden.visitors(1), "bob");
  EXPECT_EQ(garden.years(0), 1999);
  EXPECT_EQ(garden.seasons(1), SEASON_LATE_AUTUMN);
  EXPECT_EQ(garden.breaks(0).seconds(), 300);
  EXPECT_EQ(garden.jars(0), 1024u);
  EXPECT_EQ(ValueText(garden, Field("seasons"), 1), "late_autumn");
  EXPECT_EQ(ValueText(garden, Field("breaks"), 0), "5m");
  EXPECT_EQ(ValueText(garden, Field("share")), "0.5");
}

TEST(SettingValueTest, OnlyTrueAndFalseAreBooleans) {
  for (const char* text : {"yes", "no", "on", "off", "True", "FALSE", "1", "0",
                           "y", "n", "t", "f", ""}) {
    EXPECT_EQ(Complaint("open", text),
              "\"" + std::string(text) + "\" is neither true nor false");
  }
}

TEST(SettingValueTest, AnUnknownWordIsToldWithTheValidOnesNearestFirst) {
  EXPECT_EQ(Complaint("season", "late_autum"),
            "\"late_autum\" is unknown; valid are late_autumn, spring");
  EXPECT_EQ(Complaint("season", "sprung"),
            "\"sprung\" is unknown; valid are spring, late_autumn");
  // Nothing like it.
  EXPECT_EQ(Complaint("season", "late_in_the_year"),
            "\"late_in_the_year\" is unknown; valid are spring, late_autumn");
  for (const char* text : {"unspecified", "SPRING", "SEASON_SPRING", "1", ""}) {
    EXPECT_NE(Complaint("season", text), "") << text;
  }
  EXPECT_NE(Complaint("soil", "loam"), "");
}

TEST(SettingValueTest, AValueMustFitItsType) {
  EXPECT_EQ(Complaint("small", "2147483647"), "");
  EXPECT_EQ(Complaint("small", "2147483648"),
            "\"2147483648\" is out of range; valid are -2147483648 to "
            "2147483647");
  EXPECT_EQ(Complaint("small_count", "-1"),
            "\"-1\" is out of range; valid are 0 to 4294967295");
  EXPECT_EQ(Complaint("large", "-9223372036854775808"), "");
  EXPECT_NE(Complaint("large", "9223372036854775808"), "");
  EXPECT_EQ(Complaint("large_count", "18446744073709551615"), "");
  EXPECT_NE(Complaint("large_count", "18446744073709551616"), "");
  EXPECT_EQ(Complaint("share", "3e38"), "");
  EXPECT_NE(Complaint("share", "4e38"), "");
  EXPECT_NE(Complaint("jars", "9999999999999999999999999TiB"), "");
}

TEST(SettingValueTest, AValueMustBeWithinTheBoundsOfItsSetting) {
  EXPECT_EQ(Complaint("water", "1KiB"), "");
  EXPECT_EQ(Complaint("water", "1GiB"), "");
  EXPECT_EQ(Complaint("water", "1023"),
            "\"1023\" is out of range; valid are 1KiB to 1GiB");
  EXPECT_EQ(Complaint("water", "1073741825"),
            "\"1073741825\" is out of range; valid are 1KiB to 1GiB");
  EXPECT_EQ(Complaint("jars", "4097"),
            "\"4097\" is out of range; the most is 4KiB");
  EXPECT_EQ(Complaint("age", "-1"), "\"-1\" is out of range; the least is 0");
  EXPECT_EQ(Complaint("nap", "1h"), "");
  EXPECT_EQ(Complaint("nap", "0.9ms"),
            "\"0.9ms\" is out of range; valid are 1ms to 1h");
  EXPECT_EQ(Complaint("nap", "inf"),
            "\"inf\" is out of range; valid are 1ms to 1h");
  EXPECT_EQ(Complaint("night", "inf"), "");
  EXPECT_EQ(Complaint("night", "0s"),
            "\"0s\" is out of range; valid are 1ns to inf");
  EXPECT_EQ(Complaint("slope", "-0.5"), "");
  EXPECT_EQ(Complaint("slope", "0.51"),
            "\"0.51\" is out of range; valid are -0.5 to 0.5");
}

TEST(SettingValueTest, InfinityIsTheLongestDuration) {
  google::protobuf::Duration message;
  for (const absl::Duration duration :
       {absl::InfiniteDuration(), -absl::InfiniteDuration(),
        absl::ZeroDuration(), absl::Nanoseconds(-1),
        absl::Seconds(315'575'999'999) + absl::Nanoseconds(999'999'999)}) {
    SetDuration(duration, &message);
    EXPECT_EQ(DurationOf(message), duration);
  }
  SetDuration(absl::InfiniteDuration(), &message);
  EXPECT_EQ(message.seconds(), 315'576'000'000);
  EXPECT_EQ(message.nanos(), 0);
}

TEST(SettingValueTest, ALongTextIsShownByItsBeginning) {
  const std::string complaint =
      Complaint("small", std::string(1 << 20, '\x1b'));
  EXPECT_LT(complaint.size(), 300u);
  EXPECT_EQ(complaint.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace pinion::testing
