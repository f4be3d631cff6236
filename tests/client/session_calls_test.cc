// SPDX-License-Identifier: Apache-2.0
//
// A client's calls within sessions of a real server; in-process and over TCP.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/client/kv_methods.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/sanitized.h"
#include "pinion/tests/support/started_call.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::ExpectFailure;
using ::pinion::testing::Gate;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::kBlindToGrpc;
using ::pinion::testing::kTimesSlower;
using ::pinion::testing::LaneTest;
using ::pinion::testing::Started;
using ::pinion::testing::TestServer;
using ::pinion::testing::TransportName;

class SessionCallsTest : public LaneTest {
 protected:
  void HostMore(Server& server) override { kv::HostKv(server); }
  void Connect(ClientOptions options = {}) {
    options.guard = channel().guard;
    client_ = std::make_unique<Client>(channel().channel, options);
  }
  void StartAndConnect(HostingOptions options = {.workers = 1}) {
    Start(std::move(options));
    Connect();
  }
  Client& client() { return *client_; }

  std::unique_ptr<Client> client_;
};

// Within one process the server reads the very bytes that the client wrote, in
// an order that gRPC sees to and ThreadSanitizer does not see.
std::vector<bool> Transports() {
  if (kBlindToGrpc) return {true};
  return {false, true};
}

INSTANTIATE_TEST_SUITE_P(, SessionCallsTest, ::testing::ValuesIn(Transports()),
                         TransportName);

TEST_P(SessionCallsTest, CarriesATypedCallToItsWorkerAndBack) {
  StartAndConnect();
  kv::v1::PutRequest put;
  put.set_key("a");
  put.set_value("1");
  EXPECT_TRUE(client().Call(kv::kPut, put).ok());
  kv::v1::GetRequest get;
  get.set_key("a");
  const auto got = client().Call(kv::kGet, get);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->value(), "1");
}

TEST_P(SessionCallsTest, CountsExactlyForManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 20'000 / kTimesSlower;
  Start({.workers = 2});
  Connect({.sessions = 2});
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      kv::v1::IncrementRequest request;
      request.set_key(absl::StrCat("key", i % 2));
      request.set_by(1);
      std::atomic<int> answered{0};
      for (int j = 0; j < kCalls; ++j) {
        client().Start(kv::kIncrement, request, {.timeout = absl::Minutes(5)},
                       [&](absl::StatusOr<kv::v1::IncrementResponse> response) {
                         EXPECT_TRUE(response.ok()) << response.status();
                         ++answered;
                       });
        if (j % 100 == 0) {
          EXPECT_TRUE(client().Call(kv::kIncrement, request).ok());
        }
      }
      while (answered < kCalls) std::this_thread::yield();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const char* key : {"key0", "key1"}) {
    kv::v1::IncrementRequest request;
    request.set_key(key);
    request.set_by(0);
    const auto total = client().Call(kv::kIncrement, request);
    ASSERT_TRUE(total.ok());
    EXPECT_EQ(total->value(), kThreads / 2 * (kCalls + (kCalls + 99) / 100));
  }
}

TEST_P(SessionCallsTest, TellsWhyAHandlerFailed) {
  on_add_ = [](const auto&, auto*, CallContext&) {
    return absl::NotFoundError("no such counter");
  };
  StartAndConnect();
  Started call(client(), kAdd, AddOf("a"));
  ExpectFailure(call, absl::StatusCode::kNotFound, v1::REASON_HANDLER,
                v1::EXECUTED_YES);
  EXPECT_EQ(call.Await().message(), "no such counter");
}

TEST_P(SessionCallsTest, BringsWhatItWantsToTheHandler) {
  gate_.Open();
  std::string tenant;
  bool in_session = false;
  on_add_ = [&](const auto&, auto*, CallContext& context) {
    tenant = std::string(context.metadata("tenant").value_or(""));
    in_session = context.in_session();
    return absl::OkStatus();
  };
  StartAndConnect();
  Started call(client(), kAdd, AddOf("a"),
               {.timeout = absl::Minutes(5),
                .want_timing = true,
                .metadata = {{"tenant", "seven"}}});
  EXPECT_TRUE(call.Await().ok());
  EXPECT_TRUE(call.timing().has_value());
  EXPECT_EQ(tenant, "seven");
  EXPECT_TRUE(in_session);
}

TEST_P(SessionCallsTest, LearnsThatWhatExpiredWhileItWaitedDidNotRun) {
  StartAndConnect();
  client_ = nullptr;
  Connect({.late_answer_timeout = absl::Minutes(5)});
  HeldWorker held(channel());
  Started call(client(), kAdd, AddOf("a"), {.timeout = absl::Milliseconds(30)});
  ExpectFailure(call, absl::StatusCode::kDeadlineExceeded, v1::REASON_EXPIRED,
                v1::EXECUTED_NO);
  held.Release();
  AwaitHeld(0);
  EXPECT_EQ(adds_begun(), 0);
}

TEST_P(SessionCallsTest, TakesBackWhatWaits) {
  StartAndConnect();
  HeldWorker held(channel());
  Started call(client(), kAdd, AddOf("a"));
  AwaitWaiting(1);
  client().Cancel(call.id());
  ExpectFailure(call, absl::StatusCode::kCancelled, v1::REASON_CANCELLED,
                v1::EXECUTED_NO);
  held.Release();
  AwaitHeld(0);
  EXPECT_EQ(adds_begun(), 0);
}

TEST_P(SessionCallsTest, LearnsThatWhatItTookBackMayHaveRun) {
  StartAndConnect();
  Started call(client(), kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  client().Cancel(call.id());
  ExpectFailure(call, absl::StatusCode::kCancelled, v1::REASON_CANCELLED,
                v1::EXECUTED_MAYBE);
  gate_.Open();
}

TEST_P(SessionCallsTest, GetsInWhenAFullLaneHasRoomAgain) {
  Start({.workers = 1, .lane_calls = 1});
  Connect({.retry = {.max_attempts = 100, .max_tokens = 1000}});
  Started first(client(), kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  Started second(client(), kAdd, AddOf("a"));
  // It has been refused at least once.
  AwaitLane(
      [](const auto& lane) {
        return lane.counts.refused[v1::REASON_LANE_FULL] >= 1;
      },
      true);
  gate_.Open();
  EXPECT_TRUE(first.Await().ok());
  EXPECT_TRUE(second.Await().ok()) << second.Await();
}

TEST_P(SessionCallsTest, AnswersWhatItStillHasWhenTheServerStops) {
  Start({.workers = 1, .grace = absl::ZeroDuration()});
  Connect({.connect_timeout = absl::Seconds(2)});
  HeldWorker held(channel());
  Started waiting(client(), kAdd, AddOf("a"));
  AwaitWaiting(1);
  std::thread stopper([&] { test().TryStop().IgnoreError(); });
  EXPECT_EQ(waiting.Await().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(NotExecuted(waiting.Await())) << waiting.Await();
  held.Release();
  stopper.join();
  Started late(client(), kAdd, AddOf("a"));
  EXPECT_EQ(late.Await().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(NotExecuted(late.Await())) << late.Await();
}

}  // namespace
}  // namespace pinion
