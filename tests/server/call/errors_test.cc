// SPDX-License-Identifier: Apache-2.0
//
// The table of docs/errors.md has what can go wrong, and nothing else: each of
// its rows is provoked, and each reason of failure.proto has one.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/client/failure.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/stream.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/scripted_sessions.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/tests/support/started_call.h"
#include "pinion/tests/support/stream_client.h"
#include "pinion/tests/support/token_maker.h"
#include "pinion/v1/session.pb.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::ClaimsOf;
using ::pinion::testing::Gate;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::KeySetOf;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::ScriptedSessions;
using ::pinion::testing::ScriptedStream;
using ::pinion::testing::SessionClient;
using ::pinion::testing::Started;
using ::pinion::testing::StreamClient;
using ::pinion::testing::TokenMaker;
using ::pinion::testing::TransportName;
using ::pinion::testing::WriteFile;

// A row of the table, by what tells it from others: "CODE REASON EXECUTED".
using Row = std::string;

// The cells of the table's lines.
std::vector<std::vector<std::string>> ReadTable() {
  std::ifstream page("docs/errors.md");
  EXPECT_TRUE(page);
  std::vector<std::vector<std::string>> lines;
  for (std::string line; std::getline(page, line);) {
    if (!absl::StartsWith(line, "| ")) continue;
    absl::StrReplaceAll({{"`", ""}}, &line);
    std::vector<std::string> cells = absl::StrSplit(line, " | ");
    EXPECT_EQ(cells.size(), 5u) << line;
    cells[0] = std::string(absl::StripPrefix(cells[0], "| "));
    lines.push_back(std::move(cells));
  }
  EXPECT_GT(lines.size(), 1u);
  lines.erase(lines.begin());  // Its head.
  return lines;
}

std::set<Row> ReadRows() {
  std::set<Row> rows;
  for (const auto& cells : ReadTable()) {
    const Row row = absl::StrCat(cells[0], " ", cells[1], " ", cells[2]);
    EXPECT_TRUE(rows.insert(row).second) << row << " stands there twice";
  }
  return rows;
}

TEST(ErrorsPageTest, HasARowForEachReasonAndNoneForOthers) {
  std::set<std::string> reasons;
  for (int i = 0; i < v1::Reason_descriptor()->value_count(); ++i) {
    reasons.emplace(absl::StripPrefix(v1::Reason_descriptor()->value(i)->name(),
                                      "REASON_"));
  }
  std::set<std::string> of_the_page;
  for (const auto& cells : ReadTable()) {
    if (cells[1] != "none") of_the_page.insert(cells[1]);
  }
  EXPECT_EQ(of_the_page, reasons);
}

// Handlers do what the call's number says.
enum Deed { kSucceeds, kStays, kFails, kSaysTooMuch, kStaysAndSaysMuch };

// One of more than gRPC and the system take of it, or of nothing.
struct StreamShard {
  void Do(const test::Thing& request, Stream<test::Thing> stream) {
    if (request.name() == "dropped") return;
    if (request.name() == "kept") {
      EXPECT_TRUE(stream.Send(request).ok());
      kept.push_back(std::move(stream));
      return;
    }
    test::Thing large = request;
    large.add_tags(std::string(1 << 20, 'x'));
    for (int i = 0; i < 64; ++i) EXPECT_TRUE(stream.Send(large).ok());
    stream.Finish();
  }
  std::vector<Stream<test::Thing>> kept;
};

class ErrorsTest : public LaneTest {
 protected:
  ErrorsTest() {
    on_add_ = [this](const auto& request, auto* response, CallContext&) {
      if (request.by() == kStays || request.by() == kStaysAndSaysMuch) {
        stay_->Pass();
      }
      if (request.by() == kFails) return absl::DataLossError("as asked");
      if (request.by() == kSaysTooMuch || request.by() == kStaysAndSaysMuch) {
        response->GetReflection()
            ->MutableUnknownFields(response)
            ->AddLengthDelimited(
                15,
                std::string(request.by() == kSaysTooMuch ? 2000 : 900, 'x'));
      }
      return absl::OkStatus();
    };
  }
  ~ErrorsTest() override { stay_->Open(); }

  // Each scenario has a server of its own, and a gate for those who stay.
  void StartAnew(HostingOptions options) {
    stay_->Open();
    DestroyServer();
    stay_ = std::make_unique<Gate>();
    options.workers = 1;
    Start(std::move(options));
  }

  static v1::OpenRequest Call(uint64_t id, Deed deed,
                              absl::Duration timeout = absl::ZeroDuration()) {
    v1::OpenRequest message;
    v1::SessionCall& call = *message.add_calls();
    call.set_id(id);
    call.set_method(kAdd);
    call.set_payload(AddOf("a", deed));
    call.set_timeout_us(absl::ToInt64Microseconds(timeout));
    return message;
  }
  static v1::OpenRequest Cancel(uint64_t id) {
    v1::OpenRequest message;
    message.add_cancel(id);
    return message;
  }

  // Finds the row for what has come of a call.
  void Saw(absl::StatusCode code, const std::optional<v1::Failure>& failure) {
    const std::string reason =
        failure.has_value() ? v1::Reason_Name(failure->reason()) : "none";
    const std::string executed = v1::Executed_Name(
        failure.has_value() ? failure->executed() : v1::EXECUTED_MAYBE);
    const std::string rest =
        absl::StrCat(" ", absl::StripPrefix(reason, "REASON_"), " ",
                     absl::StripPrefix(executed, "EXECUTED_"));
    const Row own = absl::StrCat(absl::StatusCodeToString(code), rest);
    const Row general = absl::StrCat("any", rest);
    const bool has_own = rows_.count(own) > 0;
    EXPECT_TRUE(has_own || rows_.count(general) > 0) << "no row for " << own;
    provoked_.insert(has_own ? own : general);
  }
  void Saw(const v1::SessionAnswer& answer) {
    ASSERT_TRUE(answer.has_failure()) << answer.DebugString();
    Saw(static_cast<absl::StatusCode>(answer.code()), answer.failure());
  }
  void Saw(OpenCall& call) {
    const absl::StatusCode code = call.Await().code();
    Saw(code, call.failure());
  }
  void Saw(StreamClient& stream) {
    const absl::StatusCode code = stream.AwaitEnd().code();
    Saw(code, stream.failure());
  }
  void Saw(const absl::Status& status) {
    Saw(status.code(), FailureOf(status));
  }

  // Has the second of two calls refused that wait for a worker that is held.
  void ProvokeRefusal(HostingOptions options) {
    StartAnew(std::move(options));
    HeldWorker held(channel());
    SessionClient session(channel());
    session.Send(Call(1, kSucceeds));
    session.Send(Call(2, kSucceeds));
    Saw(session.Await(2));
    held.Release();
    EXPECT_EQ(session.Await(1).code(), 0);
  }

  // Has a session refused what would leave others less than it has.
  void ProvokeShare() {
    StartAnew({.lane_calls = 3});
    HeldWorker held(channel());
    SessionClient session(channel());
    for (const uint64_t id : {1, 2, 3}) session.Send(Call(id, kSucceeds));
    Saw(session.Await(3));
  }

  // Has an answer dropped for which the server has no room any more.
  void ProvokeLargeSurprise() {
    StartAnew({.server_bytes = 4096,
               .trusted_proxies = "127.0.0.1, ::1",  // All alone.
               .max_message_bytes = 1024});
    SessionClient session(channel());
    session.Send(Call(1, kStaysAndSaysMuch));
    stay_->AwaitArrivals(1);
    // More than there is room for: what is left is less than one of them.
    std::deque<OpenCall> fill;
    for (int i = 0; i < 20; ++i) {
      fill.emplace_back(channel(), kAdd, AddOf(std::string(250, 'a')));
    }
    AwaitLane(
        [](const auto& lane) {
          return lane.counts.waiting + lane.counts.refusals();
        },
        uint64_t{20});
    stay_->Open();
    Saw(session.Await(1));
  }

  // Has a call refused for the time that it would wait.
  void ProvokeTooLong(absl::Duration stall_after) {
    StartAnew({.default_timeout = absl::Milliseconds(20),
               .stall_after = stall_after});
    OpenCall runs(channel(), kAdd, AddOf("a", kStays),
                  {.timeout = absl::Hours(1)});
    stay_->AwaitArrivals(1);
    // When this one has its answer the handler has run for longer than the next
    // may wait.
    OpenCall(channel(), kAdd, AddOf("a")).Await().IgnoreError();
    OpenCall call(channel(), kAdd, AddOf("a"));
    Saw(call);
    stay_->Open();
  }

  void ProvokeExpiry() {
    StartAnew({});
    SessionClient session(channel());
    {
      HeldWorker held(channel());
      session.Send(Call(1, kSucceeds, absl::Microseconds(1)));
      Saw(session.Await(1));
    }
    // On a slow machine it may expire before it runs.
    for (absl::Duration timeout = absl::Milliseconds(10);; timeout *= 2) {
      session.Send(Call(2, kStays, timeout));
      const v1::SessionAnswer answer = session.Await(2);
      if (answer.failure().executed() == v1::EXECUTED_NO) continue;
      Saw(answer);
      break;
    }
    stay_->Open();
  }

  void ProvokeCancellation() {
    StartAnew({});
    SessionClient session(channel());
    session.Send(Call(1, kStays));
    stay_->AwaitArrivals(1);
    session.Send(Call(2, kSucceeds));
    for (const uint64_t id : {1, 2}) {
      session.Send(Cancel(id));
      Saw(session.Await(id));
    }
    stay_->Open();
  }

  void ProvokeStop() {
    StartAnew({.grace = absl::ZeroDuration()});
    SessionClient session(channel());
    session.Send(Call(1, kStays));
    stay_->AwaitArrivals(1);
    session.Send(Call(2, kSucceeds));
    AwaitWaiting(1);
    server().Drain();
    for (const uint64_t id : {1, 2}) Saw(session.Await(id));
    stay_->Open();
  }

  // Has a stream whose handler has ended it, and that nobody takes, cut off.
  void ProvokeCutOff() {
    StartAnew(
        {.stream_bytes = int64_t{1} << 30, .grace = absl::ZeroDuration()});
    const auto client = OpenStream("long");
    const auto ended = [](const LaneSnapshot& lane) {
      return lane.service == "pinion.test.GoodService" && lane.counts.ok == 1;
    };
    for (bool done = false; !done;) {
      const auto lanes = server().Snapshot().lanes;
      done = std::any_of(lanes.begin(), lanes.end(), ended);
    }
    server().Drain();
    Saw(*client);
  }
  void ProvokeDrop() {
    StartAnew({});
    Saw(*OpenStream("dropped"));
  }
  std::unique_ptr<StreamClient> OpenStream(const char* name) {
    test::Thing request;
    request.set_name(name);
    return std::make_unique<StreamClient>(channel(),
                                          "/pinion.test.GoodService/Streaming",
                                          request.SerializeAsString());
  }

  // A token that is none, and one whose key goes while its stream is open.
  void ProvokeTokens() {
    const std::string path = ::testing::TempDir() + "/errors_keys.json";
    const TokenMaker issuer = TokenMaker::Ec("k1");
    WriteFile(path, KeySetOf({&issuer}));
    HostingOptions options;
    options.token_keys = path;
    options.token_issuer = testing::kIssuer;
    options.token_audience = testing::kAudience;
    StartAnew(options);
    OpenCall refused(channel(), kAdd, AddOf("a"),
                     {.metadata = {{"authorization", "Bearer none"}}});
    Saw(refused);
    test::Thing request;
    request.set_name("kept");
    StreamClient stream(
        channel(), "/pinion.test.GoodService/Streaming",
        request.SerializeAsString(),
        {.metadata = {
             {"authorization", "Bearer " + issuer.Sign(ClaimsOf({}))}}});
    EXPECT_TRUE(stream.Next().has_value());
    const TokenMaker next = TokenMaker::Ec("k2");
    WriteFile(path, KeySetOf({&next}));
    options.workers = 1;
    const absl::Status reloaded = server().hosting().Reload(options);
    EXPECT_TRUE(reloaded.ok()) << reloaded;
    Saw(stream);
  }
  void HostMore(Server& server) override {
    server.Host<StreamShard>("pinion.test.GoodService")
        .On("Streaming", &StreamShard::Do);
  }

  // Has a call and a stream denied, the stream by a policy that comes later.
  void ProvokePolicy() {
    const std::string file =
        absl::StrCat(::testing::TempDir(), "/errors_policy");
    const auto allow =
        [&](absl::string_view path) {
          std::ofstream(file)
              << "name: p\nallow_rules: [{name: r, request: {paths: [" << path
              << "]}}]\n";
        };
    allow("/pinion.test.GoodService/Streaming");
    const HostingOptions options = {.workers = 1,
                                    .policy = {.policy_file = file}};
    StartAnew(options);
    OpenCall denied(channel(), kAdd, AddOf("a"));
    Saw(denied);
    const auto stream = OpenStream("kept");
    const auto runs = [](const LaneSnapshot& lane) {
      return lane.service == "pinion.test.GoodService" &&
             lane.counts.running == 1;
    };
    for (bool begun = false; !begun;) {
      const auto lanes = server().Snapshot().lanes;
      begun = std::any_of(lanes.begin(), lanes.end(), runs);
    }
    allow(kAdd);
    EXPECT_TRUE(server().Reload({.listen = "127.0.0.1:0"}, options).ok());
    Saw(*stream);
  }

  // Over TCP: a client in the process is no party.
  void ProvokeRate() {
    StartAnew({.limits = {.calls_per_second = 1}});
    SessionClient session(test().TcpChannel());
    v1::OpenRequest message = Call(1, kSucceeds);
    message.MergeFrom(Call(2, kSucceeds));
    session.Send(message);
    EXPECT_EQ(session.Await(1).code(), 0);
    Saw(session.Await(2));
  }

  void ProvokeAnswersOfTheirOwn() {
    StartAnew({.max_message_bytes = 1024});
    SessionClient session(channel());
    session.Send(Call(1, kFails));
    session.Send(Call(2, kSaysTooMuch));
    v1::OpenRequest keyless = Call(3, kSucceeds);
    keyless.mutable_calls(0)->set_payload("");
    session.Send(keyless);
    v1::OpenRequest unknown = Call(4, kSucceeds);
    unknown.mutable_calls(0)->set_method("/x/Y");
    session.Send(unknown);
    for (const uint64_t id : {1, 2, 3, 4}) Saw(session.Await(id));
  }

  void ProvokeTheClientLibrarys() {
    ScriptedSessions sessions;
    {
      const auto client = Client::Connect(sessions.address());
      Started large(*client, kAdd, std::string(2000, 'x'));
      ScriptedStream& stream = sessions.AwaitStream(0);
      stream.SendHello(1000, 1 << 30, /*max_message_bytes=*/1024);
      Saw(large.Await());
      Started sent(*client, kAdd, "");
      stream.AwaitCall();
      stream.End({grpc::StatusCode::INTERNAL, "broken by the script"});
      Saw(sent.Await());
    }
    {
      const auto client = Client::Connect(sessions.address());
      Started unsent(*client, kAdd, "");
      sessions.AwaitStream(1).End(
          {grpc::StatusCode::PERMISSION_DENIED, "refused by the script"});
      Saw(unsent.Await());
    }
    const auto unary = Client::Connect(sessions.address(), {.unary = true});
    Saw(unary->CallRaw("/x/Y", "").response.status());
  }

  const std::set<Row> rows_ = ReadRows();
  std::set<Row> provoked_;

 private:
  std::unique_ptr<Gate> stay_ = std::make_unique<Gate>();
};

INSTANTIATE_TEST_SUITE_P(, ErrorsTest, ::testing::Bool(), TransportName);

TEST_P(ErrorsTest, AreThoseOfThePage) {
  ProvokeRefusal({.lane_calls = 1});
  ProvokeRefusal({.server_calls = 2});  // One holds the worker.
  ProvokeRefusal({.session_calls = 1});
  ProvokeShare();
  ProvokeLargeSurprise();
  ProvokeTooLong(/*stall_after=*/absl::Hours(1));
  ProvokeTooLong(/*stall_after=*/absl::Milliseconds(10));
  ProvokeExpiry();
  ProvokeCancellation();
  ProvokeStop();
  ProvokeCutOff();
  ProvokeDrop();
  ProvokeTokens();
  ProvokePolicy();
  ProvokeRate();
  ProvokeAnswersOfTheirOwn();
  ProvokeTheClientLibrarys();
  EXPECT_EQ(provoked_, rows_) << "each row was provoked, or should go";
}

}  // namespace
}  // namespace pinion
