// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/bench_report.h"

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace pinion::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

BenchSetup AnySetup() {
  return {.method = "/a.B/C",
          .target = "127.0.0.1:1",
          .mode = "session",
          .sessions = 2,
          .in_flight = 64,
          .rate = 0,
          .warm_up = absl::Seconds(1),
          .duration = absl::Seconds(2),
          .request_bytes = 66,
          .keys = 1000,
          .distribution = "zipf 0.99",
          .seed = 1};
}

// 2000 that succeeded within 2 s, and 20 errors.
LoadGenerator::State Measured() {
  LoadGenerator::State state;
  for (int i = 1; i <= 2000; ++i) state.answers.succeeded.Record(i * 1000);
  for (int i = 0; i < 20; ++i) state.answers.failed.Record(50'000);
  state.answers.errors[{.code = 8, .reason = 1}] = 15;
  state.answers.errors[{.code = 14, .reason = 0}] = 5;
  state.answers.within_time = 2000;
  state.measured = absl::Seconds(2);
  return state;
}

// As another reader of JSON sees it.
google::protobuf::Struct Parsed(const std::string& json) {
  google::protobuf::Struct parsed;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &parsed).ok())
      << json;
  return parsed;
}

TEST(SetupTextTest, SaysWhatWillBeMeasured) {
  EXPECT_EQ(SetupText(AnySetup()),
            "/a.B/C at 127.0.0.1:1\n"
            "closed loop, 64 in flight, 2 sessions, requests of 66 bytes, "
            "1,000 keys zipf 0.99, 2s after 1s of warm-up\n");
  BenchSetup setup = AnySetup();
  setup.rate = 12'500;
  setup.mode = "unary";
  setup.keys = 0;
  setup.warm_up = absl::ZeroDuration();
  EXPECT_EQ(SetupText(setup),
            "/a.B/C at 127.0.0.1:1\n"
            "open loop, 12,500 calls a second, unary calls, requests of 66 "
            "bytes, 2s\n");
}

TEST(ReportTextTest, IsATableThenACurve) {
  const std::string text = ReportText(AnySetup(), Measured());
  EXPECT_THAT(
      text,
      ::testing::StartsWith(
          "  calls               2,020\n"
          "  rate                1,000   succeeded a second\n"
          "  errors                 20   0.99 %\n"
          "                         15   RESOURCE_EXHAUSTED (LANE_FULL)\n"
          "                          5   UNAVAILABLE\n"
          "\n"
          "  latency          p50        p90        p99      p99.9        max"
          "       mean\n"
          "  succeeded    1.00 ms    1.80 ms    1.98 ms    2.00 ms    2.00 ms"
          "    1.00 ms\n"
          "  failed       50.0 us    50.0 us    50.0 us    50.0 us    50.0 us"
          "    50.0 us\n"
          "\n"
          "   2.00 ms | "));
  EXPECT_THAT(text, HasSubstr("99%"));
}

BenchSetup OfStreams() {
  BenchSetup setup = AnySetup();
  setup.mode = "stream";
  setup.messages = 1000;
  return setup;
}

LoadGenerator::State MeasuredStreams() {
  LoadGenerator::State state = Measured();
  for (int i = 0; i < 2000; ++i) state.answers.first_messages.Record(20'000);
  state.answers.messages = 400'000;
  return state;
}

TEST(ReportTextTest, OfStreamsHasTheirMessages) {
  EXPECT_THAT(SetupText(OfStreams()),
              HasSubstr("64 in flight, streams of up to 1,000 messages, "));
  EXPECT_THAT(
      ReportText(OfStreams(), MeasuredStreams()),
      ::testing::StartsWith(
          "  streams             2,020\n"
          "  rate                1,000   succeeded a second\n"
          "  messages          200,000   a second\n"
          "  errors                 20   0.99 %\n"
          "                         15   RESOURCE_EXHAUSTED (LANE_FULL)\n"
          "                          5   UNAVAILABLE\n"
          "\n"
          "  latency          p50        p90        p99      p99.9        max"
          "       mean\n"
          "  first msg    20.0 us    20.0 us    20.0 us    20.0 us    20.0 us"
          "    20.0 us\n"
          "  succeeded    1.00 ms    1.80 ms    1.98 ms    2.00 ms    2.00 ms"
          "    1.00 ms\n"));
}

TEST(ReportJsonTest, OfStreamsHasTheirMessages) {
  const std::vector<std::string> lines = absl::StrSplit(
      ReportJson(OfStreams(), MeasuredStreams()), '\n', absl::SkipEmpty());
  const auto fields = Parsed(lines.back()).fields();
  EXPECT_EQ(fields.at("mode").string_value(), "stream");
  EXPECT_EQ(fields.at("stream_messages").number_value(), 1000);
  EXPECT_EQ(fields.at("messages").number_value(), 400'000);
  EXPECT_EQ(fields.at("messages_per_s").number_value(), 200'000);
  EXPECT_NEAR(fields.at("first_p99_us").number_value(), 20, 0.1);
}

TEST(IntervalTest, OfStreamsHasTheirMessages) {
  const LoadGenerator::State before = MeasuredStreams();
  LoadGenerator::State now = before;
  now.measured += absl::Seconds(1);
  now.answers.within_time += 100;
  now.answers.messages += 5000;
  EXPECT_THAT(IntervalText(OfStreams(), before, now),
              HasSubstr("100 a second, 5,000 messages a second"));
  EXPECT_EQ(Parsed(IntervalJson(OfStreams(), before, now))
                .fields()
                .at("messages_per_s")
                .number_value(),
            5000);
}

TEST(ReportTextTest, TellsWhatTheFiguresLeaveOut) {
  LoadGenerator::State state = Measured();
  EXPECT_THAT(ReportText(AnySetup(), state), Not(HasSubstr("never sent")));
  state.unsent = 1234;
  state.waited_for_place = 17;
  state.open = 3;
  state.measured = absl::Milliseconds(1500);
  const std::string text = ReportText(AnySetup(), state);
  EXPECT_THAT(text, HasSubstr("1,234 calls that were due were never sent"));
  EXPECT_THAT(text, HasSubstr("17 calls that were due had to wait"));
  EXPECT_THAT(text, HasSubstr("3 calls had no answer"));
  EXPECT_THAT(text, HasSubstr("Ended early: 1.5s of 2s"));
}

TEST(ReportTextTest, OfNothingIsATableToo) {
  EXPECT_EQ(ReportText(AnySetup(), {}),
            "  calls                   0\n"
            "  rate                    0   succeeded a second\n"
            "  errors                  0\n"
            "\n"
            "\n"
            "  Ended early: 0 of 2s.\n");
}

TEST(ReportJsonTest, HasALineForEachErrorThenTheResult) {
  const std::vector<std::string> lines = absl::StrSplit(
      ReportJson(AnySetup(), Measured()), '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], R"({"kind":"error","code":"RESOURCE_EXHAUSTED",)"
                      R"("reason":"LANE_FULL","count":15})");
  EXPECT_EQ(lines[1],
            R"({"kind":"error","code":"UNAVAILABLE","reason":null,"count":5})");
  const auto fields = Parsed(lines[2]).fields();
  EXPECT_EQ(fields.at("kind").string_value(), "result");
  EXPECT_EQ(fields.at("calls").number_value(), 2020);
  EXPECT_EQ(fields.at("succeeded").number_value(), 2000);
  EXPECT_EQ(fields.at("errors").number_value(), 20);
  EXPECT_EQ(fields.at("rps").number_value(), 1000);
  EXPECT_EQ(fields.at("seconds").number_value(), 2);
  EXPECT_NEAR(fields.at("p50_us").number_value(), 1000, 1);
  EXPECT_NEAR(fields.at("p999_us").number_value(), 1998, 2);
  EXPECT_EQ(fields.at("max_us").number_value(), 2000);
  EXPECT_NEAR(fields.at("failed_p50_us").number_value(), 50, 0.1);
  EXPECT_EQ(fields.at("distribution").string_value(), "zipf 0.99");
  EXPECT_EQ(fields.count("unsent"), 0u);
}

TEST(ReportJsonTest, AnOpenLoopHasWhatBecameOfItsSchedule) {
  BenchSetup setup = AnySetup();
  setup.rate = 1000;
  LoadGenerator::State state;
  state.unsent = 7;
  state.waited_for_place = 2;
  const auto fields = Parsed(ReportJson(setup, state)).fields();
  EXPECT_EQ(fields.at("loop").string_value(), "open");
  EXPECT_EQ(fields.at("unsent").number_value(), 7);
  EXPECT_EQ(fields.at("waited_for_place").number_value(), 2);
  // There is no latency, and it is not 0.
  EXPECT_TRUE(fields.at("p50_us").has_null_value());
}

TEST(IntervalTest, HasWhatCameInBetweenOnly) {
  const LoadGenerator::State before = Measured();
  LoadGenerator::State now = before;
  now.measured += absl::Milliseconds(500);
  now.answers.within_time += 100;
  for (int i = 0; i < 100; ++i) now.answers.succeeded.Record(7'000'000);
  now.answers.failed.Record(1);
  BenchSetup setup = AnySetup();
  setup.duration = absl::Seconds(10);
  EXPECT_EQ(IntervalText(setup, before, now),
            "2s of 10s: 200 a second, p50 7.00 ms, p99 7.00 ms, 1 errors");
  const auto fields = Parsed(IntervalJson(setup, before, now)).fields();
  EXPECT_EQ(fields.at("at_s").number_value(), 2.5);
  EXPECT_EQ(fields.at("rps").number_value(), 200);
  EXPECT_EQ(fields.at("errors").number_value(), 1);
  EXPECT_NEAR(fields.at("p50_us").number_value(), 7000, 7);
}

}  // namespace
}  // namespace pinion::cli
