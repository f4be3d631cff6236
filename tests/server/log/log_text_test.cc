// SPDX-License-Identifier: Apache-2.0
//
// What a line looks like, and that nothing in a record can make it look like
// another. log_json_test has Python read what JSON lines have.
#include "pinion/server/log/log_text.h"

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/log.h"

namespace pinion {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

const absl::Time kTime =
    absl::FromUnixSeconds(1'795'940'100) + absl::Nanoseconds(123'456'999);
constexpr char kStamp[] = "2026-11-29T08:15:00.123456Z";

LogRecord Full() {
  return {.level = LogLevel::kError,
          .area = LogArea::kLane,
          .event = "handler_threw",
          .worker = 0,
          .method = "/shop.v1.CounterService/Add",
          .key = "apples",
          .message = "the handler threw an exception: \"out\"",
          .time = kTime};
}

std::string Text(const LogRecord& record) {
  return LineOf(record, LogFormat::kText);
}
std::string Json(const LogRecord& record) {
  return LineOf(record, LogFormat::kJson);
}

TEST(LogTextTest, HasWhatTheRecordHas) {
  EXPECT_EQ(Text(Full()),
            "2026-11-29T08:15:00.123456Z error lane: "
            "/shop.v1.CounterService/Add, key \"apples\", worker 0: "
            "the handler threw an exception: \"out\"");
  EXPECT_EQ(Text({.message = "it serves", .time = kTime}),
            "2026-11-29T08:15:00.123456Z info program: it serves");
  EXPECT_EQ(Text({.level = LogLevel::kWarning,
                  .area = LogArea::kShard,
                  .worker = 3,
                  .method = "shop.v1.CounterService",
                  .message = "late",
                  .left_out = 2,
                  .time = kTime}),
            "2026-11-29T08:15:00.123456Z warning shard: "
            "shop.v1.CounterService, worker 3: late (left out: 2 lines)");
}

TEST(LogTextTest, NamesTheSlotOfAKeyThatIsNotToBeSeenAndSaysHowToSeeIt) {
  LogRecord record = Full();
  record.key.reset();
  record.key_slot = 17;
  EXPECT_THAT(Text(record),
              HasSubstr("Add, key in slot 17 (set log_keys to see it), worker "
                        "0: the handler"));
  EXPECT_THAT(Json(record),
              AllOf(HasSubstr(",\"key_slot\":17,"), Not(HasSubstr("\"key\""))));
}

TEST(LogTextTest, JsonIsOneObjectWithTheFieldsThatTheRecordHas) {
  EXPECT_EQ(Json(Full()),
            R"({"time":"2026-11-29T08:15:00.123456Z","level":"error",)"
            R"("area":"lane","event":"handler_threw","worker":0,)"
            R"("method":"/shop.v1.CounterService/Add","key":"apples",)"
            R"("message":"the handler threw an exception: \"out\""})");
  EXPECT_EQ(Json({.message = "a", .left_out = 7, .time = kTime}),
            R"({"time":"2026-11-29T08:15:00.123456Z","level":"info",)"
            R"("area":"program","left_out":7,"message":"a"})");
}

TEST(LogTextTest, ATimeIsInUtcAndItsMicrosecondsAreNotRoundedUp) {
  EXPECT_THAT(Text({.time = kTime}), HasSubstr(kStamp));
  EXPECT_THAT(Text({.time = absl::UnixEpoch()}),
              HasSubstr("1970-01-01T00:00:00.000000Z "));
}

// What a client sends as its key, or has a handler put into its exception.
TEST(LogTextTest, NoFieldEndsTheLineOrGivesATerminalACommand) {
  constexpr absl::string_view kHostile =
      "a\r\n2026-11-29T08:15:00.123456Z error stop: "
      "forged\x1b[2J\u009b\u202e\xff";
  LogRecord record = Full();
  record.event = std::string(kHostile);
  record.method = std::string(kHostile);
  record.key = std::string(kHostile);
  record.message = std::string(kHostile);
  for (const std::string& line : {Text(record), Json(record)}) {
    for (const char* bad : {"\n", "\r", "\x1b", "\u009b", "\u202e", "\xff"}) {
      EXPECT_THAT(line, Not(HasSubstr(bad)));
    }
  }
  EXPECT_THAT(Text(record),
              EndsWith(R"(a\r\n2026-11-29T08:15:00.123456Z error )"
                       R"(stop: forged\x1b[2J\xc2\x9b)"
                       R"(\xe2\x80\xae\xff)"));
}

TEST(LogTextTest, AMethodOrAKeyCannotPassForOtherFields) {
  LogRecord record = Full();
  record.method = "/a, worker 7: fine";
  record.key = "b\", worker 8: fine";
  EXPECT_THAT(Text(record),
              HasSubstr(R"( "/a, worker 7: fine", )"
                        R"(key "b\", worker 8: fine", worker 0:)"));
}

TEST(LogTextTest, AKeyOfBytesIsToldApartFromOthersInJsonToo) {
  LogRecord record = Full();
  record.key = "\x01\xff";
  EXPECT_THAT(Json(record), HasSubstr(R"("key":"\\x01\\xff",)"));
  record.key = "caf\u00e9";
  EXPECT_THAT(Json(record), HasSubstr("\"key\":\"caf\u00e9\","));
}

TEST(LogTextTest, ALineHasAtMostSoManyBytesWhateverIsEscapedInIt) {
  for (const char* part : {"x", "\x01", "\u202e", "\u00e9", "\xff", "\""}) {
    LogRecord record = Full();
    while (record.message.size() <= kMaxLogLineBytes) record.message += part;
    record.key = std::string(1024, '\x01');
    record.method = std::string(kMaxLogFieldBytes, '\x02');
    record.event = std::string(kMaxLogFieldBytes, '\x03');
    for (const std::string& line : {Text(record), Json(record)}) {
      EXPECT_LE(line.size(), kMaxLogLineBytes);
      EXPECT_GT(line.size(), kMaxLogLineBytes / 2) << "too much was cut";
      EXPECT_THAT(line, HasSubstr("..."));
    }
  }
}

TEST(LogTextTest, AMessageThatFitsIsNotCut) {
  const LogRecord empty = {.time = kTime};
  LogRecord record = empty;
  record.message = std::string(kMaxLogLineBytes - Text(empty).size(), 'x');
  EXPECT_THAT(Text(record), AllOf(SizeIs(kMaxLogLineBytes), EndsWith("xxxx")));
  record.message += 'x';
  EXPECT_THAT(Text(record), AllOf(SizeIs(kMaxLogLineBytes), EndsWith("x...")));
}

TEST(LogTextTest, EachLevelAndFormatIsReadAsItIsWritten) {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo,
                               LogLevel::kWarning, LogLevel::kError}) {
    EXPECT_EQ(ParseLogLevel(ToString(level)).value(), level);
  }
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    EXPECT_EQ(ParseLogFormat(ToString(format)).value(), format);
  }
  EXPECT_EQ(ToString(LogArea::kProgram), "program");
  EXPECT_EQ(ToString(LogArea::kListener), "listener");
  EXPECT_EQ(ToString(LogArea::kLog), "log") << "the last one";
}

TEST(LogTextTest, AWrongLevelOrFormatIsToldWithTheValidOnes) {
  const absl::Status level = ParseLogLevel("Warn\n").status();
  EXPECT_EQ(level.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      level.message(),
      "there is no log level \"Warn\\n\"; valid are debug, info, warning, "
      "error");
  EXPECT_EQ(ParseLogFormat("").status().message(),
            "there is no log format \"\"; valid are text, json");
}

}  // namespace
}  // namespace pinion
