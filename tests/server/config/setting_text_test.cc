// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/setting_text.h"

#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/testing/seed.h"

namespace pinion {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kKiB = 1024;

template <typename Value>
std::string Complaint(const absl::StatusOr<Value>& value) {
  return std::string(value.status().message());
}

TEST(SettingTextTest, ReadsWholeNumbers) {
  EXPECT_EQ(*ReadWhole("0"), 0);
  EXPECT_EQ(*ReadWhole("-5"), -5);
  EXPECT_EQ(*ReadWhole("18446744073709551615"),
            absl::int128(std::numeric_limits<uint64_t>::max()));
}

TEST(SettingTextTest, RefusesWhatIsNoWholeNumber) {
  for (const char* text :
       {"", "-", "+5", "1.0", "1e3", "0x10", "1_000", "1,000", " 5", "5 ",
        "five", "--5", "010", "00", "-01", "99999999999999999999999999"}) {
    EXPECT_THAT(Complaint(ReadWhole(text)), HasSubstr("is no whole number"))
        << text;
  }
}

TEST(SettingTextTest, ReadsSizes) {
  EXPECT_EQ(*ReadBytes("0"), 0);
  EXPECT_EQ(*ReadBytes("4096"), 4 * kKiB);
  EXPECT_EQ(*ReadBytes("4KiB"), 4 * kKiB);
  EXPECT_EQ(*ReadBytes("64MiB"), 64 * kKiB * kKiB);
  EXPECT_EQ(*ReadBytes("1.5GiB"), 1536 * kKiB * kKiB);
  EXPECT_EQ(*ReadBytes("0.5KiB"), 512);
  EXPECT_EQ(*ReadBytes("1TiB"), kKiB * kKiB * kKiB * kKiB);
}

TEST(SettingTextTest, RefusesWhatIsNoSize) {
  for (const char* text :
       {"", "KiB", "64MB", "64M", "64mib", "64 MiB", "-1", "-1KiB", ".5KiB",
        "5.KiB", "1..5KiB", "1.5", "1.0001KiB", "0x40", "064KiB", "inf",
        "1e3KiB", "1.0000000000001TiB", "99999999999999999999999999TiB"}) {
    EXPECT_THAT(Complaint(ReadBytes(text)), HasSubstr("of bytes; write"))
        << text;
  }
}

TEST(SettingTextTest, SizesBeyondWhatAnythingHoldsAreNotTakenForSmallOnes) {
  EXPECT_GT(*ReadBytes("9999999999999999999999999TiB"),
            absl::int128(std::numeric_limits<uint64_t>::max()));
}

TEST(SettingTextTest, ReadsNumbers) {
  EXPECT_EQ(*ReadDouble("0.5"), 0.5);
  EXPECT_EQ(*ReadDouble("-1e-3"), -0.001);
  for (const char* text : {"", "inf", "nan", "1e999", "0.5x", " 0.5", "half"}) {
    EXPECT_THAT(Complaint(ReadDouble(text)), HasSubstr("is no number")) << text;
  }
}

TEST(SettingTextTest, ReadsDurations) {
  EXPECT_EQ(*ReadDuration("0"), absl::ZeroDuration());
  EXPECT_EQ(*ReadDuration("250ms"), absl::Milliseconds(250));
  EXPECT_EQ(*ReadDuration("1.5s"), absl::Milliseconds(1500));
  EXPECT_EQ(*ReadDuration("1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ReadDuration("-2us"), -absl::Microseconds(2));
  EXPECT_EQ(*ReadDuration("inf"), absl::InfiniteDuration());
}

TEST(SettingTextTest, ADurationWithoutAUnitIsToldOfItsUnit) {
  EXPECT_EQ(Complaint(ReadDuration("30")),
            "\"30\" is no duration without a unit; write for example 30s, or "
            "with ms, m or h");
}

TEST(SettingTextTest, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "s", "5 s", "5d", "5 minutes", "1:30", "soon",
                           "infinite", "1e3s"}) {
    EXPECT_THAT(Complaint(ReadDuration(text)), HasSubstr("is no duration"))
        << text;
  }
}

TEST(SettingTextTest, DurationsOfTenThousandYearsAreRefused) {
  EXPECT_TRUE(ReadDuration("315575999999s").ok());
  EXPECT_THAT(Complaint(ReadDuration("315576000000s")),
              HasSubstr("write a shorter one, or inf"));
  EXPECT_THAT(Complaint(ReadDuration("9999999999999999h")),
              HasSubstr("write a shorter one, or inf"));
}

TEST(SettingTextTest, WritesAsAPersonWould) {
  EXPECT_EQ(WrittenBytes(64 * kKiB * kKiB), "64MiB");
  EXPECT_EQ(WrittenBytes(1536 * kKiB), "1536KiB");
  EXPECT_EQ(WrittenBytes(4097), "4097");
  EXPECT_EQ(WrittenBytes(0), "0");
  EXPECT_EQ(WrittenDuration(absl::Milliseconds(250)), "250ms");
  EXPECT_EQ(WrittenDuration(absl::Minutes(90)), "1h30m");
  EXPECT_EQ(WrittenDuration(absl::ZeroDuration()), "0s");
  EXPECT_EQ(WrittenDuration(absl::InfiniteDuration()), "inf");
  EXPECT_EQ(WrittenDouble(0.5), "0.5");
}

// A number with as many bits as chance wants, so that there are small ones.
int64_t SomeNumber(std::mt19937_64& random) {
  return static_cast<int64_t>(random() >> (1 + random() % 63));
}

TEST(SettingTextTest, ReadsWhatItWrites) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (int i = 0; i < 20000; ++i) {
    const int64_t bytes = SomeNumber(random);
    EXPECT_EQ(*ReadBytes(WrittenBytes(bytes)), bytes);
    const absl::Duration duration = absl::Nanoseconds(SomeNumber(random));
    EXPECT_EQ(*ReadDuration(WrittenDuration(duration)), duration);
    EXPECT_EQ(*ReadDuration(WrittenDuration(-duration)), -duration);
    const double number = static_cast<double>(SomeNumber(random)) /
                          static_cast<double>(1 + SomeNumber(random));
    EXPECT_EQ(*ReadDouble(WrittenDouble(number)), number);
  }
}

}  // namespace
}  // namespace pinion
