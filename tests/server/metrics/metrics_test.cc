// SPDX-License-Identifier: Apache-2.0
//
// The metrics of a server, by their text.
#include "pinion/server/metrics/metrics.h"

#include <chrono>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/server/latency_histogram.h"
#include "pinion/server/metrics/process_facts.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/server/metrics/busy_server.h"
#include "shop/v1/counter.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::BusyServer;
using ::testing::HasSubstr;
using ::testing::Not;

// The lines of a text that are values: name and labels as they stand there, and
// the value.
std::map<std::string, double> ValuesOf(const std::string& text) {
  std::map<std::string, double> values;
  for (const absl::string_view split : absl::StrSplit(text, '\n')) {
    const std::string line(split);
    if (line.empty() || line[0] == '#') continue;
    const size_t space = line.rfind(' ');
    double value = 0;
    EXPECT_NE(space, std::string::npos) << line;
    EXPECT_TRUE(absl::SimpleAtod(line.substr(space + 1), &value)) << line;
    EXPECT_TRUE(values.emplace(line.substr(0, space), value).second)
        << "twice: " << line;
  }
  return values;
}

// -1 if there is no such line.
double Value(const std::string& text, const std::string& name_and_labels) {
  const auto values = ValuesOf(text);
  const auto found = values.find(name_and_labels);
  return found == values.end() ? -1 : found->second;
}

constexpr char kOfAdd[] = R"(service="shop.v1.CounterService",method="Add")";

double Answered(const std::string& text, absl::string_view outcome) {
  return Value(text, absl::StrCat("pinion_calls_answered_total{", kOfAdd,
                                  ",outcome=\"", outcome, "\"}"));
}

double Handled(const std::string& text, absl::string_view code) {
  return Value(
      text, absl::StrCat(
                "grpc_server_handled_total{grpc_type=\"unary\",grpc_service="
                "\"shop.v1.CounterService\",grpc_method=\"Add\",grpc_code=\"",
                code, "\"}"));
}

TEST(MetricsTest, EachOutcomeMovesItsOwnCounter) {
  BusyServer busy;
  EXPECT_EQ(Answered(busy.Text(), "ok"), 0) << "it is there before a call";
  busy.Succeed();
  busy.Succeed();
  busy.Fail(absl::StatusCode::kNotFound);
  busy.Expire();
  const std::string text = busy.Text();
  EXPECT_EQ(Answered(text, "ok"), 2);
  EXPECT_EQ(Answered(text, "error"), 1);
  EXPECT_EQ(Answered(text, "expired"), 1);
  EXPECT_EQ(Answered(text, "cancelled"), 0);
  EXPECT_EQ(Answered(text, "stopped"), 0);
  EXPECT_EQ(Handled(text, "OK"), 2);
  EXPECT_EQ(Handled(text, "NotFound"), 1);
  EXPECT_EQ(Handled(text, "DeadlineExceeded"), 1);
  EXPECT_EQ(Handled(text, "Unknown"), 0);
}

TEST(MetricsTest, WhatAStopAnswersIsUnavailable) {
  BusyServer busy;
  const auto waits = busy.Begin("apples");
  EXPECT_TRUE(busy.server().Stop().ok());
  EXPECT_TRUE(absl::IsUnavailable(waits.Await().status()));
  const std::string text = busy.Text();
  EXPECT_EQ(Answered(text, "stopped"), 1);
  EXPECT_EQ(Handled(text, "Unavailable"), 1);
  EXPECT_EQ(Value(text, "pinion_server_stopping"), 1);
  EXPECT_EQ(Value(text, "pinion_server_serving"), 0);
}

TEST(MetricsTest, WhatItsClientCancelsIsCanceled) {
  BusyServer busy;
  Client& client = busy.server().client();
  shop::v1::AddRequest request;
  request.set_name("apples");
  const CallId call = client.Start(
      BusyServer::kAdd, request, {},
      [](const absl::StatusOr<shop::v1::AddResponse>& answer) {
        EXPECT_TRUE(absl::IsCancelled(answer.status())) << answer.status();
      });
  busy.server().AwaitWaiting(1);
  client.Cancel(call);
  // Nothing else tells when the server learns of it.
  while (Answered(busy.Text(), "cancelled") == 0) std::this_thread::yield();
  EXPECT_EQ(Answered(busy.Text(), "cancelled"), 1);
  EXPECT_EQ(Handled(busy.Text(), "Canceled"), 1);
}

TEST(MetricsTest, AnErrorIsCountedByItsCode) {
  BusyServer busy;
  for (int code = 1; code <= 16; ++code) {
    busy.Fail(static_cast<absl::StatusCode>(code));
  }
  const std::string text = busy.Text();
  for (const char* code :
       {"Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded",
        "NotFound", "AlreadyExists", "PermissionDenied", "ResourceExhausted",
        "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented",
        "Internal", "Unavailable", "DataLoss", "Unauthenticated"}) {
    EXPECT_EQ(Handled(text, code), 1) << code;
  }
  EXPECT_EQ(Answered(text, "error"), 16);
}

TEST(MetricsTest, ARefusalIsCountedByItsReasonAndItsCode) {
  BusyServer busy;
  busy.Refuse();
  const std::string text = busy.Text();
  const auto refused = [&](absl::string_view reason) {
    return Value(text, absl::StrCat("pinion_calls_refused_total{", kOfAdd,
                                    ",reason=\"", reason, "\"}"));
  };
  EXPECT_EQ(refused("lane_full"), 1);
  EXPECT_EQ(refused("server_full"), 0);
  EXPECT_EQ(Handled(text, "ResourceExhausted"), 1);
  EXPECT_EQ(Value(text,
                  "grpc_server_started_total{grpc_type=\"unary\",grpc_service="
                  "\"shop.v1.CounterService\",grpc_method=\"Add\"}"),
            3);
  EXPECT_EQ(
      Value(text, absl::StrCat("pinion_calls_accepted_total{", kOfAdd, "}")),
      2);
}

TEST(MetricsTest, ALaneTellsWhatItHoldsAndItsBounds) {
  BusyServer busy;
  const auto first = busy.Begin("apples");
  const auto second = busy.Begin("pears");
  const std::string text = busy.Text();
  const auto lane = [&](absl::string_view name) {
    return Value(
        text, absl::StrCat("pinion_lane_", name,
                           R"({service="shop.v1.CounterService",worker="0"})"));
  };
  EXPECT_EQ(lane("waiting_calls"), 2);
  EXPECT_EQ(lane("running_calls"), 0);
  EXPECT_EQ(lane("held_calls"), 2);
  EXPECT_EQ(lane("max_calls"), 2);
  EXPECT_GT(lane("held_bytes"), 0);
  EXPECT_GT(lane("max_bytes"), lane("held_bytes"));
  EXPECT_GT(lane("max_streams"), 0);
  busy.server().RunUntilIdle();
  EXPECT_TRUE(first.Await().ok());
  EXPECT_TRUE(second.Await().ok());
}

TEST(MetricsTest, ThePartOfACallThatWaitedIsToldApartFromThatWhichRan) {
  BusyServer busy;
  const auto call = busy.Begin("apples");
  busy.server().Advance(absl::Milliseconds(98));  // And 2 more.
  busy.server().RunUntilIdle();
  ASSERT_TRUE(call.Await().ok());
  const std::string text = busy.Text();
  const auto of = [&](absl::string_view name, absl::string_view le) {
    return Value(text, absl::StrCat("pinion_call_waited_seconds_", name, "{",
                                    kOfAdd, le, "}"));
  };
  EXPECT_EQ(of("count", ""), 1);
  EXPECT_NEAR(of("sum", ""), 0.1, 1e-9);
  EXPECT_EQ(of("bucket", ",le=\"0.05\""), 0);
  EXPECT_EQ(of("bucket", ",le=\"0.25\""), 1);
  EXPECT_EQ(of("bucket", ",le=\"+Inf\""), 1);
  EXPECT_EQ(
      Value(text,
            "grpc_server_handling_seconds_sum{grpc_type=\"unary\",grpc_service="
            "\"shop.v1.CounterService\",grpc_method=\"Add\"}"),
      0)
      << "the clock stood still while it ran";
}

TEST(MetricsTest, ABucketCountsOnlyWhatSurelyBelongsToIt) {
  LatencyHistogram histogram;
  for (const uint64_t nanos : {10'000, 20'000, 26'000, 11'000'000}) {
    histogram.Record(nanos);
  }
  LatencySummary summary;
  summary.Add(histogram);
  EXPECT_EQ(summary.CountUpTo(9'000), 0u);
  EXPECT_EQ(summary.CountUpTo(11'000), 1u);
  EXPECT_EQ(summary.CountUpTo(25'000), 2u);
  EXPECT_EQ(summary.CountUpTo(10'000'000), 3u);
  EXPECT_EQ(summary.CountUpTo(25'000'000), 4u);
  EXPECT_EQ(summary.sum_ns(), 11'056'000u);
}

TEST(MetricsTest, KeyedTellsItsEntriesAndBytes) {
  BusyServer busy;
  const auto keyed = [&](absl::string_view name) {
    return Value(
        busy.Text(),
        absl::StrCat("pinion_keyed_", name,
                     R"({service="pinion.kv.v1.KvService",worker="0"})"));
  };
  EXPECT_EQ(keyed("entries"), 0);
  EXPECT_EQ(keyed("bytes"), 0);
  busy.Put("apples", "3");
  busy.Put("pears", std::string(1000, 'x'));
  EXPECT_EQ(keyed("entries"), 2);
  EXPECT_GT(keyed("bytes"), 1000);
  busy.Put("pears", "4");
  EXPECT_EQ(keyed("entries"), 2);
  EXPECT_EQ(keyed("evicted_total"), 0);
}

TEST(MetricsTest, NothingThatAClientChoosesIsInTheText) {
  BusyServer busy;
  const std::string key = "<b>\"sesame\"\n} 1\n# HELP x";
  busy.Succeed(key);
  busy.Put("sesame", "sesame");
  const auto waits = busy.Begin("sesame");
  const std::string text = busy.Text();
  EXPECT_THAT(text, Not(HasSubstr("sesame")));
  EXPECT_THAT(text, Not(HasSubstr("<b>")));
  EXPECT_THAT(text, Not(HasSubstr("127.0.0.1"))) << "a peer's address";
  EXPECT_THAT(text, Not(HasSubstr("inproc")));
  busy.server().RunUntilIdle();
  EXPECT_TRUE(waits.Await().ok());
}

TEST(MetricsTest, ARulesNameCannotEndItsLabel) {
  ServerSnapshot snapshot;
  snapshot.policy = {
      .rules = {{.name = "a\"} 1\n# HELP b \\", .allows = true, .calls = 4}}};
  const std::string text = MetricsText({.snapshot = snapshot});
  EXPECT_THAT(text, HasSubstr(R"(pinion_policy_decisions_total{)"
                              R"(rule="a\"} 1\n# HELP b \\",decision="allow"} )"
                              "4\n"));
}

TEST(MetricsTest, RulesOfOneNameAreOneLine) {
  ServerSnapshot snapshot;
  snapshot.policy = {.rules = {{.name = "a", .calls = 1},
                               {.name = "a", .calls = 2},
                               {.name = "a", .allows = true, .calls = 4}},
                     .matched_none = 8};
  const std::string text = MetricsText({.snapshot = snapshot});
  const auto decided = [&](absl::string_view labels) {
    return Value(text,
                 absl::StrCat("pinion_policy_decisions_total{", labels, "}"));
  };
  EXPECT_EQ(decided(R"(rule="a",decision="deny")"), 3);
  EXPECT_EQ(decided(R"(rule="a",decision="allow")"), 4);
  EXPECT_EQ(decided(R"(rule="",decision="deny")"), 8);
}

TEST(MetricsTest, EachLineIsAsTheFormatSays) {
  BusyServer busy;
  busy.Succeed();
  const std::string text = busy.Text();
  const std::regex comment("# (HELP|TYPE) [a-z_]+ .+");
  const std::regex value(
      R"re([a-z_]+(\{([a-z_]+="[^"\\]*",?)*\})? [-+.e0-9]+)re");
  std::set<std::string> typed;
  for (const absl::string_view split : absl::StrSplit(text, '\n')) {
    const std::string line(split);
    if (line.empty()) continue;
    if (line[0] == '#') {
      EXPECT_TRUE(std::regex_match(line, comment)) << line;
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      if (words[1] == "TYPE") {
        EXPECT_TRUE(typed.insert(words[2]).second) << "twice: " << line;
      }
    } else {
      EXPECT_TRUE(std::regex_match(line, value)) << line;
    }
  }
  EXPECT_GT(typed.size(), 50u);
}

TEST(MetricsTest, WhatIsNotThereIsNotTold) {
  const std::string text = MetricsText({.snapshot = ServerSnapshot()});
  for (const char* name : {"pinion_tls", "pinion_policy", "pinion_token",
                           "pinion_trace", "pinion_lane", "pinion_worker"}) {
    EXPECT_THAT(text, Not(HasSubstr(name)));
  }
}

TEST(MetricsTest, CertificatesTokensStallsAndTracesAreTold) {
  ServerSnapshot snapshot;
  snapshot.tls = {.certificate = absl::FromUnixSeconds(2'000'000'000)};
  snapshot.tokens = {.remembered = 9, .checked = 2, .refused_signature = 1};
  snapshot.stalls = {{}, {.stalled = true, .times = 3}};
  snapshot.tracing.on = true;
  snapshot.tracing.dropped_not_taken = 6;
  snapshot.log = {.left_out = 4, .dropped = 5};
  const std::string text = MetricsText(
      {.snapshot = snapshot,
       .worker_times = {{.cpu = std::chrono::milliseconds(1500),
                         .run_delay = std::chrono::milliseconds(250)}}});
  const std::map<std::string, double> expected = {
      {R"(pinion_tls_not_after_seconds{certificate="server"})", 2e9},
      {R"(pinion_token_verdicts_total{how="remembered"})", 9},
      {R"(pinion_token_verdicts_total{how="checked"})", 2},
      {"pinion_token_bad_signatures_total", 1},
      {R"(pinion_worker_stalled{worker="0"})", 0},
      {R"(pinion_worker_stalled{worker="1"})", 1},
      {R"(pinion_worker_stalls_total{worker="1"})", 3},
      {R"(pinion_trace_spans_dropped_total{reason="not_taken"})", 6},
      {"pinion_log_left_out_total", 4},
      {"pinion_log_dropped_total", 5},
      {R"(pinion_worker_cpu_seconds_total{worker="0"})", 1.5},
      {R"(pinion_worker_not_given_seconds_total{worker="0"})", 0.25},
  };
  for (const auto& [line, value] : expected) {
    EXPECT_EQ(Value(text, line), value) << line;
  }
  EXPECT_THAT(text, Not(HasSubstr("client_ca")));
}

TEST(ProcessFactsTest, AreThoseOfThisProcess) {
  const ProcessFacts facts = ReadProcessFacts();
  EXPECT_GT(facts.resident_bytes, 1 << 20);
  EXPECT_GE(facts.virtual_bytes, facts.resident_bytes);
  EXPECT_GE(facts.threads, 1);
  EXPECT_GE(facts.open_files, 3);
  EXPECT_GE(facts.max_files, facts.open_files);
  // A day of tolerance: the machine's clock may have been set since its start.
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  EXPECT_NEAR(facts.start_seconds, now, 86'400);
}

TEST(ProcessFactsTest, AreZeroWhereTheKernelTellsNothing) {
  const ProcessFacts facts = ReadProcessFacts("/nowhere", "/nowhere");
  EXPECT_EQ(facts.resident_bytes, 0);
  EXPECT_EQ(facts.cpu_seconds, 0);
  EXPECT_EQ(facts.start_seconds, 0);
  EXPECT_EQ(facts.open_files, 0);
}

}  // namespace
}  // namespace pinion
