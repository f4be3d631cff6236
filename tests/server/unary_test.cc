// SPDX-License-Identifier: Apache-2.0
//
// One unary call, in all the ways it can end; in-process and over TCP.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/kv/v1/kv.pb.h"
#include "server/echo/echo_shard.h"
#include "server/kv/host_kv.h"
#include "shop/v1/counter.pb.h"
#include "tests/support/gate.h"
#include "tests/support/test_server.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::pinion::testing::TestServer;
using ::shop::v1::AddRequest;
using ::shop::v1::AddResponse;
using ::testing::HasSubstr;

constexpr char kGet[] = "/pinion.kv.v1.KvService/Get";
constexpr char kPut[] = "/pinion.kv.v1.KvService/Put";
constexpr char kEcho[] = "/pinion.echo.v1.EchoService/Echo";
constexpr char kEchoKeyed[] = "/pinion.echo.v1.EchoService/EchoKeyed";
constexpr char kAdd[] = "/shop.v1.CounterService/Add";

// What an Add adds to wait at the second gate of a GatedShard.
constexpr int64_t kLateGate = 2;

// A shard whose handler waits at one of two gates.
struct GatedShard {
  absl::Status Add(const AddRequest& request, AddResponse* response) {
    (request.by() == kLateGate ? late_gate : gate).Pass();
    response->set_value(request.by());
    return absl::OkStatus();
  }
  Gate& gate;
  Gate& late_gate;
};

void HostGated(Server& server, Gate& gate, Gate& late_gate) {
  server
      .Host<GatedShard>(
          "shop.v1.CounterService",
          [&] {
            return std::unique_ptr<GatedShard>(new GatedShard{gate, late_gate});
          })
      .On("Add", &GatedShard::Add);
}

// An Add that is under way, and what came of it. If it fails, it arrives at
// the gate `failed`.
class OpenAdd {
 public:
  explicit OpenAdd(Client& client, Gate* failed = nullptr, int64_t by = 1) {
    AddRequest request;
    request.set_name("a");
    request.set_by(by);
    client.CallRaw(kAdd, request.SerializeAsString(), {},
                   [this, failed](RawReply reply) {
                     reply_ = std::move(reply);
                     if (failed != nullptr && !reply_.response.ok()) {
                       failed->Pass();
                     }
                     done_.Notify();
                   });
  }
  ~OpenAdd() { Await(); }

  const RawReply& Await() {
    done_.WaitForNotification();
    return reply_;
  }

 private:
  RawReply reply_;
  absl::Notification done_;
};

v1::Failure FailureIn(const absl::Status& status) {
  const auto failure = FailureOf(status);
  EXPECT_TRUE(failure.has_value()) << status;
  return failure.value_or(v1::Failure());
}

// The parameter: whether calls come over TCP.
class UnaryTest : public ::testing::TestWithParam<bool> {
 protected:
  void Start(ServerOptions options) {
    test_ = std::make_unique<TestServer>(options);
    kv::HostKv(test_->server());
    echo::HostEcho(test_->server());
    HostGated(test_->server(), gate_, late_gate_);
    test_->Start();
    if (GetParam()) tcp_ = test_->TcpClient();
  }
  Client& client() { return GetParam() ? *tcp_ : test_->client(); }

  Gate gate_;
  Gate late_gate_;
  std::unique_ptr<TestServer> test_;
  std::unique_ptr<Client> tcp_;
};

INSTANTIATE_TEST_SUITE_P(, UnaryTest, ::testing::Bool(), [](const auto& info) {
  return info.param ? "OverTcp" : "InProcess";
});

TEST_P(UnaryTest, CarriesACallToItsWorkerAndBack) {
  Start({});
  kv::v1::PutRequest put;
  put.set_key("a");
  put.set_value("1");
  ASSERT_TRUE(client().Call<kv::v1::PutResponse>(kPut, put).ok());
  kv::v1::GetRequest get;
  get.set_key("a");
  const auto got = client().Call<kv::v1::GetResponse>(kGet, get);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->value(), "1");
}

TEST_P(UnaryTest, CarriesAnErrorOfTheHandlerAndSaysThatItRan) {
  Start({});
  kv::v1::GetRequest get;
  get.set_key("nothing");
  const auto got = client().Call<kv::v1::GetResponse>(kGet, get);
  EXPECT_EQ(got.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(got.status().message()), HasSubstr("nothing"));
  EXPECT_EQ(FailureIn(got.status()).reason(), v1::REASON_HANDLER);
  EXPECT_EQ(FailureIn(got.status()).executed(), v1::EXECUTED_YES);
}

TEST_P(UnaryTest, RefusesAKeyThatIsEmptyAbsentOrTooLong) {
  Start({});
  kv::v1::GetRequest empty, longest, too_long;
  longest.set_key(std::string(1024, 'k'));
  too_long.set_key(std::string(1025, 'k'));
  EXPECT_EQ(client().Call<kv::v1::GetResponse>(kGet, longest).status().code(),
            absl::StatusCode::kNotFound);
  for (const auto& bad : {empty, too_long}) {
    const auto got = client().Call<kv::v1::GetResponse>(kGet, bad);
    EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(got.status().message()), HasSubstr("1024"));
    EXPECT_EQ(FailureIn(got.status()).reason(), v1::REASON_BAD_REQUEST);
    EXPECT_EQ(FailureIn(got.status()).executed(), v1::EXECUTED_NO);
  }
}

TEST_P(UnaryTest, RefusesWhatCannotBeDecoded) {
  Start({});
  // Cut short before the key, and, with a key that can be read, behind it.
  for (const std::string& bytes : {std::string("\x0a\x05"
                                               "ab"),
                                   std::string("\x0a\x01"
                                               "a\x12\x05"
                                               "b"),
                                   std::string("\x0a\x01\xff")}) {
    const auto reply = client().CallRaw(kPut, bytes);
    EXPECT_EQ(reply.response.status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(reply.response.status().message()),
                HasSubstr("cannot decode"));
    EXPECT_EQ(FailureIn(reply.response.status()).executed(), v1::EXECUTED_NO);
  }
}

TEST_P(UnaryTest, SaysWhichMethodIsNotHosted) {
  Start({});
  for (const char* method :
       {"/pinion.kv.v1.KvService/Gets", "/no.such.Service/Get", "/x"}) {
    const auto reply = client().CallRaw(method, "");
    EXPECT_EQ(reply.response.status().code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(std::string(reply.response.status().message()),
                HasSubstr(method));
    EXPECT_EQ(FailureIn(reply.response.status()).reason(),
              v1::REASON_NO_SUCH_METHOD);
  }
}

TEST_P(UnaryTest, RunsACallWithoutAKeyOnTheWorkerItAsksFor) {
  Start({.workers = 2});
  for (int worker : {0, 1, 0, 1}) {
    const auto reply = client().Call<echo::v1::EchoResponse>(
        kEcho, echo::v1::EchoRequest(), {.worker = worker});
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->worker(), static_cast<uint32_t>(worker));
  }
}

TEST_P(UnaryTest, RefusesAWorkerThatIsNotThereAndSaysWhichAre) {
  Start({.workers = 2});
  for (const char* worker : {"2", "-1", "x", "", "99999999999999999999"}) {
    const auto reply =
        client().CallRaw(kEcho, "", {.metadata = {{"pinion-worker", worker}}});
    EXPECT_EQ(reply.response.status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(reply.response.status().message()),
                HasSubstr("0 to 1"));
  }
}

TEST_P(UnaryTest, RefusesAWorkerThatIsGivenTwice) {
  Start({.workers = 2});
  const auto reply = client().CallRaw(
      kEcho, "",
      {.metadata = {{"pinion-worker", "0"}, {"pinion-worker", "1"}}});
  EXPECT_EQ(reply.response.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(UnaryTest, RefusesAWorkerForACallThatHasAKey) {
  Start({.workers = 2});
  echo::v1::EchoKeyedRequest request;
  request.set_key("a");
  const auto reply = client().Call<echo::v1::EchoKeyedResponse>(
      kEchoKeyed, request, {.worker = 0});
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FailureIn(reply.status()).executed(), v1::EXECUTED_NO);
}

TEST_P(UnaryTest, RefusesARequestThatIsTooLarge) {
  Start({.max_message_bytes = 1024});
  echo::v1::EchoRequest request;
  request.set_payload(std::string(2000, 'x'));
  EXPECT_EQ(
      client().Call<echo::v1::EchoResponse>(kEcho, request).status().code(),
      absl::StatusCode::kResourceExhausted);
}

TEST_P(UnaryTest, RefusesAResponseThatIsTooLargeAndSaysThatTheHandlerRan) {
  Start({.max_message_bytes = 1024});
  echo::v1::EchoKeyedRequest keyed;
  // The response has the worker's number beside the payload.
  echo::v1::EchoRequest request;
  request.set_payload(std::string(1021, 'x'));
  ASSERT_EQ(request.ByteSizeLong(), 1024u);
  const auto reply =
      client().Call<echo::v1::EchoResponse>(kEcho, request, {.worker = 0});
  EXPECT_TRUE(reply.ok()) << reply.status();
  test_->Stop();
  Start({.workers = 2, .max_message_bytes = 1024});
  const auto too_large =
      client().Call<echo::v1::EchoResponse>(kEcho, request, {.worker = 1});
  EXPECT_EQ(too_large.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(FailureIn(too_large.status()).reason(),
            v1::REASON_RESPONSE_TOO_LARGE);
  EXPECT_EQ(FailureIn(too_large.status()).executed(), v1::EXECUTED_YES);
}

TEST_P(UnaryTest, TellsWhereTheTimeWentToWhoAsks) {
  Start({});
  echo::v1::EchoRequest request;
  request.set_spin_us(1000);
  const std::string bytes = request.SerializeAsString();
  const RawReply asked = client().CallRaw(kEcho, bytes, {.want_timing = true});
  ASSERT_TRUE(asked.timing.has_value());
  EXPECT_EQ(asked.timing->worker(), 0u);
  EXPECT_GE(asked.timing->ran_ns(), 1'000'000u);
  EXPECT_GT(asked.timing->waited_ns(), 0u);
  EXPECT_GE(asked.timing->batch(), 1u);
  EXPECT_FALSE(client().CallRaw(kEcho, bytes).timing.has_value());
}

TEST_P(UnaryTest, RefusesAtOnceWhenTheLaneIsFull) {
  Start({.workers = 1, .lane_capacity = 3});
  OpenAdd running(client());
  gate_.AwaitArrivals(1);
  // Of three more, two wait; gRPC decides which. The refusal comes while the
  // worker is held.
  Gate refused;
  OpenAdd one(client(), &refused), two(client(), &refused),
      three(client(), &refused);
  refused.AwaitArrivals(1);
  refused.Open();
  gate_.Open();
  EXPECT_TRUE(running.Await().response.ok());
  int refusals = 0;
  for (OpenAdd* call : {&one, &two, &three}) {
    const absl::Status status = call->Await().response.status();
    if (status.ok()) continue;
    ++refusals;
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("already holds 3 calls"));
    EXPECT_EQ(FailureIn(status).reason(), v1::REASON_LANE_FULL);
    EXPECT_EQ(FailureIn(status).executed(), v1::EXECUTED_NO);
    EXPECT_EQ(FailureIn(status).worker(), 0u);
  }
  EXPECT_EQ(refusals, 1);
}

TEST_P(UnaryTest, AnswersTheCallsThatRunAndWaitBeforeItStops) {
  Start({.workers = 1, .lane_capacity = 2});
  OpenAdd running(client());
  gate_.AwaitArrivals(1);
  // Once one of these is refused the other waits.
  Gate refused;
  OpenAdd one(client(), &refused), other(client(), &refused);
  refused.AwaitArrivals(1);
  refused.Open();
  Gate stopping;
  std::thread stopper([&] {
    stopping.Open();
    test_->Stop();
  });
  stopping.Pass();
  gate_.Open();
  stopper.join();
  EXPECT_TRUE(running.Await().response.ok());
  EXPECT_NE(one.Await().response.ok(), other.Await().response.ok())
      << one.Await().response.status() << other.Await().response.status()
      << running.Await().response.status();
}

TEST_P(UnaryTest, AnswersWhatTheWorkerHasTakenButNotBegunWhenTheGraceIsOver) {
  constexpr int kWaiting = 50;
  Start({.workers = 1, .lane_capacity = kWaiting + 1, .grace = {}});
  OpenAdd first(client());
  gate_.AwaitArrivals(1);
  // Once one of these is refused the others wait.
  Gate refused;
  std::vector<std::unique_ptr<OpenAdd>> calls;
  for (int i = 0; i < kWaiting + 1; ++i) {
    calls.push_back(std::make_unique<OpenAdd>(client(), &refused, kLateGate));
  }
  refused.AwaitArrivals(1);
  refused.Open();
  // The worker takes them all, and begins one.
  gate_.Open();
  late_gate_.AwaitArrivals(1);
  test_->server().Drain();
  late_gate_.Open();
  int full = 0, stopped_waiting = 0, stopped_running = 0;
  for (auto& call : calls) {
    const v1::Failure failure = FailureIn(call->Await().response.status());
    const bool not_run = failure.executed() == v1::EXECUTED_NO;
    full += failure.reason() == v1::REASON_LANE_FULL && not_run;
    stopped_waiting += failure.reason() == v1::REASON_STOPPING && not_run;
    stopped_running += failure.reason() == v1::REASON_STOPPING && !not_run;
  }
  EXPECT_EQ(full, 1);
  EXPECT_EQ(stopped_waiting, kWaiting - 1);
  EXPECT_EQ(stopped_running, 1);
}

TEST_P(UnaryTest, StopsTwiceAndRefusesCallsAfterwards) {
  Start({});
  test_->Stop();
  test_->Stop();
  kv::v1::GetRequest get;
  get.set_key("a");
  const auto got = client().Call<kv::v1::GetResponse>(
      kGet, get, {.timeout = absl::Seconds(10)});
  EXPECT_EQ(got.status().code(), absl::StatusCode::kUnavailable);
}

TEST_P(UnaryTest, SurvivesClientsThatGiveUpWhileTheirCallsWait) {
  Start({.workers = 1});
  OpenAdd running(client());
  gate_.AwaitArrivals(1);
  AddRequest request;
  request.set_name("a");
  for (int i = 0; i < 20; ++i) {
    // The first ones may wait; for a later one the worker is kept too long.
    const auto gave_up = client().Call<AddResponse>(
        kAdd, request, {.timeout = absl::Milliseconds(1)});
    EXPECT_TRUE(gave_up.status().code() ==
                    absl::StatusCode::kDeadlineExceeded ||
                gave_up.status().code() == absl::StatusCode::kResourceExhausted)
        << gave_up.status();
  }
  gate_.Open();
  EXPECT_TRUE(running.Await().response.ok());
  EXPECT_TRUE(client().Call<AddResponse>(kAdd, request).ok());
}

}  // namespace
}  // namespace pinion
