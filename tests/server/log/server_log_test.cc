// SPDX-License-Identifier: Apache-2.0
//
// Which records a server's log writes, and what it makes of them.
#include "pinion/server/log/server_log.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/proto/wire/key.h"
#include "pinion/server/log.h"
#include "pinion/server/log/log_limits.h"
#include "pinion/server/log/log_queue.h"
#include "pinion/server/log/log_text.h"
#include "pinion/server/slot.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::chrono::hours kForever(24);
constexpr int kMost = LogLimits::kMostInASpan;
constexpr uint64_t kSeed = 7;
constexpr char kFiveLeftOut[] =
    ": lines about e were left out after the last one (left out: 5 lines)";

// One that hands its lines on directly.
class ServerLogTest : public ::testing::Test {
 protected:
  ServerLogOptions Options() {
    return {.function =
                [this](absl::string_view line) { lines_.emplace_back(line); },
            .settings = {.keys = true},
            .key_seed = kSeed,
            .clock = clock_.clock(),
            .now = [this] { return now_; }};
  }
  std::vector<std::string> Lines() { return std::exchange(lines_, {}); }

  FakeClock clock_;
  absl::Time now_ = absl::UnixEpoch();
  std::vector<std::string> lines_;
  ServerLog log_{Options()};
};

LogRecord OfKey(std::string key) {
  return {.method = "/a.B/C", .key = std::move(key), .message = "m"};
}

TEST_F(ServerLogTest, GivesEachLineTheTimeOfTheSystem) {
  log_.Write({.message = "first"});
  now_ += absl::Microseconds(1'500'000);
  log_.Write({.message = "second"});
  EXPECT_THAT(Lines(),
              ElementsAre("1970-01-01T00:00:00.000000Z info program: first",
                          "1970-01-01T00:00:01.500000Z info program: second"));
}

TEST_F(ServerLogTest, WritesNoLineBelowItsLevelWhichMayChange) {
  const auto write_all = [&] {
    log_.Write({.level = LogLevel::kDebug, .message = "debug"});
    log_.Write({.message = "info"});
    log_.Write({.level = LogLevel::kWarning, .message = "warning"});
    log_.Write({.level = LogLevel::kError, .message = "error"});
  };
  write_all();
  EXPECT_THAT(Lines(), ElementsAre(EndsWith("info"), EndsWith("warning"),
                                   EndsWith("error")));
  log_.Set({.level = LogLevel::kError});
  write_all();
  EXPECT_THAT(Lines(), ElementsAre(EndsWith("error")));
  log_.Set({.level = LogLevel::kDebug});
  write_all();
  EXPECT_THAT(Lines(), SizeIs(4));
}

TEST_F(ServerLogTest, LinesBelowItsLevelCountForNoLimit) {
  const LogRecord info = {.event = "e", .message = "m"};
  log_.Set({.level = LogLevel::kWarning});
  for (int i = 0; i < 2 * kMost; ++i) log_.Write(info);
  log_.Set({});
  log_.Write(info);
  EXPECT_THAT(Lines(), ElementsAre(EndsWith(": m")));
}

TEST_F(ServerLogTest, ALineThatMustNotBeMissingIsWrittenWhateverItsLevel) {
  log_.Set({.level = LogLevel::kError});
  for (int i = 0; i < 2 * kMost; ++i) {
    log_.WriteEach({.event = "e", .message = "m"});
  }
  EXPECT_THAT(Lines(), SizeIs(2 * kMost));
}

TEST_F(ServerLogTest, ItsFormChangesWithTheNextLine) {
  log_.Write({.message = "m"});
  log_.Set({.format = LogFormat::kJson});
  EXPECT_EQ(log_.settings().format, LogFormat::kJson);
  log_.Write({.message = "m"});
  EXPECT_THAT(Lines(), ElementsAre(StartsWith("1970"), StartsWith("{")));
}

TEST_F(ServerLogTest, HasAKeyOnlyIfKeysMayBeSeen) {
  log_.Write(OfKey("ann@example.com"));
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr("key \"ann@example.com\"")));
  EXPECT_EQ(log_.DescribeKey("ann@example.com"), "key \"ann@example.com\"");
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    log_.Set({.format = format, .keys = false});
    log_.Write(OfKey("ann@example.com"));
    log_.Write({.message = log_.DescribeKey("ann@example.com")});
    const std::string slot =
        absl::StrCat(SlotOf(Key::FromBytes("ann@example.com").Hash(kSeed)));
    EXPECT_THAT(Lines(),
                ElementsAre(AllOf(HasSubstr(slot), Not(HasSubstr("ann"))),
                            AllOf(HasSubstr(slot), HasSubstr("set log_keys"),
                                  Not(HasSubstr("ann")))));
  }
}

TEST_F(ServerLogTest, NoKeyIsSeenByDefault) {
  EXPECT_FALSE(LogSettings().keys);
  EXPECT_FALSE(ServerLogOptions().settings.keys);
}

TEST_F(ServerLogTest, AFloodLeavesTenLinesAndSaysThatMoreAreLeftOut) {
  for (int i = 0; i < 1000; ++i) {
    log_.Write({.event = "handler_threw",
                .method = "/a.B/C",
                .message = absl::StrCat("line ", i)});
  }
  const std::vector<std::string> lines = Lines();
  ASSERT_THAT(lines, SizeIs(kMost + 1));
  EXPECT_THAT(lines[kMost - 1], EndsWith("line 9"));
  EXPECT_THAT(lines[kMost],
              EndsWith("/a.B/C: further lines about handler_threw are left out "
                       "for the rest of the second, and counted"));
  clock_.Advance(std::chrono::seconds(1));
  log_.Write({.event = "handler_threw", .method = "/a.B/C", .message = "m"});
  EXPECT_THAT(Lines(), ElementsAre(EndsWith(": m (left out: 990 lines)")));
}

TEST_F(ServerLogTest, ALineAddsToTheCountThatItsPlaceHasLeftOut) {
  const LogRecord stalled = {.event = "e", .message = "m", .left_out = 3};
  for (int i = 0; i < kMost + 2; ++i) log_.Write(stalled);
  clock_.Advance(std::chrono::seconds(1));
  lines_.clear();
  log_.Write(stalled);
  EXPECT_THAT(Lines(), ElementsAre(EndsWith("m (left out: 5 lines)")));
}

TEST_F(ServerLogTest, AFlushTellsOfLinesThatWereLeftOutSinceTheLastOne) {
  for (int i = 0; i < kMost + 5; ++i) log_.Write({.event = "e"});
  lines_.clear();
  EXPECT_TRUE(log_.Flush(std::chrono::nanoseconds(0)));
  EXPECT_THAT(Lines(), ElementsAre(EndsWith(kFiveLeftOut)));
  EXPECT_TRUE(log_.Flush(std::chrono::nanoseconds(0)));
  EXPECT_THAT(Lines(), IsEmpty());
}

TEST_F(ServerLogTest, SoDoesItsEnd) {
  {
    ServerLog log(Options());
    for (int i = 0; i < kMost + 5; ++i) log.Write({.event = "e"});
    lines_.clear();
  }
  EXPECT_THAT(Lines(), ElementsAre(EndsWith(kFiveLeftOut)));
}

TEST_F(ServerLogTest, CutsWhatIsTooLong) {
  const std::string much(10 << 20, 'x');
  log_.Write({.event = much, .method = much, .key = much, .message = much});
  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_THAT(lines_[0], AllOf(SizeIs(kMaxLogLineBytes), EndsWith("x...")));
}

TEST_F(ServerLogTest, WhoWritesDoesNotWaitForTheFunction) {
  Gate gate;
  std::vector<std::string> taken;
  ServerLogOptions options = Options();
  options.function = [&](absl::string_view line) {
    gate.Pass();
    taken.emplace_back(line);
  };
  ServerLog log(options);
  log.Start();
  log.Write({.message = "first"});
  gate.AwaitArrivals(1);
  const std::string large(LogQueue::kMaxBytes / 20, 'x');
  for (int i = 0; i < 100; ++i) log.Write({.message = large});
  EXPECT_FALSE(log.Flush(std::chrono::nanoseconds(0)));
  gate.Open();
  EXPECT_TRUE(log.Flush(kForever));
  EXPECT_THAT(taken.back(),
              HasSubstr(" warning log: lines were dropped here, which nobody "
                        "took in time (left out: "));
}

TEST_F(ServerLogTest, ItsEndWaitsForTheFunction) {
  {
    ServerLog log(Options());
    log.Start();
    for (int i = 0; i < 100; ++i) log.Write({.message = "m"});
  }
  EXPECT_THAT(lines_, SizeIs(100));
}

TEST_F(ServerLogTest, ManyThreadsWriteWhileItIsChanged) {
  auto log = std::make_unique<ServerLog>(Options());
  log->Start();
  std::vector<std::thread> threads;
  constexpr int kThreads = 4;
  constexpr int kLines = 200;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&log] {
      for (int j = 0; j < kLines; ++j) log->Write(OfKey("k"));
    });
  }
  for (int i = 0; i < 100; ++i) {
    log->Set({.format = i % 2 == 0 ? LogFormat::kJson : LogFormat::kText,
              .keys = i % 3 == 0});
  }
  for (std::thread& thread : threads) thread.join();
  log.reset();
  EXPECT_THAT(lines_, SizeIs(kThreads * kLines));
}

TEST(LogSinkTest, ReceivesTheRecord) {
  std::vector<LogRecord> records;
  const LogSink sink = [&](LogRecord record) {
    records.push_back(std::move(record));
  };
  Log(sink, {.event = "e", .worker = 3});
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].event, "e");
  EXPECT_EQ(records[0].worker, 3);
}

}  // namespace
}  // namespace pinion
