// SPDX-License-Identifier: Apache-2.0
//
// A client's calls one by one, of a real server; in-process and over TCP.
#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/started_call.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::ExpectFailure;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::LaneTest;
using ::pinion::testing::Started;
using ::pinion::testing::TransportName;

class UnaryCallsTest : public LaneTest {
 protected:
  void StartAndConnect(HostingOptions server, RetryOptions retry = {}) {
    Start(std::move(server));
    client_ = std::make_unique<Client>(
        channel().channel,
        ClientOptions{.unary = true, .retry = retry, .guard = channel().guard});
  }
  void AwaitRefusal() {
    AwaitLane(
        [](const auto& lane) {
          return lane.counts.refused[v1::REASON_LANE_FULL] >= 1;
        },
        true);
  }

  std::unique_ptr<Client> client_;
};

INSTANTIATE_TEST_SUITE_P(, UnaryCallsTest, ::testing::Bool(), TransportName);

TEST_P(UnaryCallsTest, GetInWhenAFullLaneHasRoomAgain) {
  StartAndConnect({.workers = 1, .lane_calls = 1},
                  {.max_attempts = 100, .max_tokens = 1000});
  Started first(*client_, kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  Started second(*client_, kAdd, AddOf("a"));
  AwaitRefusal();
  gate_.Open();
  EXPECT_TRUE(first.Await().ok());
  EXPECT_TRUE(second.Await().ok()) << second.Await();
}

TEST_P(UnaryCallsTest, FailAsTheyWereRefusedAfterTheLastAttempt) {
  StartAndConnect({.workers = 1, .lane_calls = 1}, {.max_attempts = 2});
  Started first(*client_, kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  Started second(*client_, kAdd, AddOf("a"));
  ExpectFailure(second, absl::StatusCode::kResourceExhausted,
                v1::REASON_LANE_FULL, v1::EXECUTED_NO);
  EXPECT_EQ(Lane().counts.refused[v1::REASON_LANE_FULL], 2u);
  gate_.Open();
}

TEST_P(UnaryCallsTest, AreTakenBackWhileTheyWait) {
  StartAndConnect({.workers = 1});
  HeldWorker held(channel());
  Started call(*client_, kAdd, AddOf("a"));
  AwaitWaiting(1);
  client_->Cancel(call.id());
  EXPECT_EQ(call.Await().code(), absl::StatusCode::kCancelled);
  // gRPC has answered by itself; the server hears of it later.
  AwaitLane([](const auto& lane) { return lane.counts.cancelled; }, 1u);
  held.Release();
  AwaitHeld(0);
  EXPECT_EQ(adds_begun(), 0);
}

TEST_P(UnaryCallsTest, EndWhenTheyAreTakenBackHoweverLongTheyWouldRest) {
  StartAndConnect(
      {.workers = 1, .lane_calls = 1},
      {.initial_backoff = absl::Hours(1), .max_backoff = absl::Hours(1)});
  Started first(*client_, kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  Started second(*client_, kAdd, AddOf("a"));
  AwaitRefusal();
  client_->Cancel(second.id());
  // If the refusal has yet to come, the cancel may be faster, or slower.
  EXPECT_FALSE(second.Await().ok());
  gate_.Open();
}

TEST_P(UnaryCallsTest, AreAnsweredBeforeTheirClientGoes) {
  StartAndConnect({.workers = 1});
  HeldWorker held(channel());
  Started call(*client_, kAdd, AddOf("a"));
  AwaitWaiting(1);
  client_ = nullptr;
  EXPECT_EQ(call.Await().code(), absl::StatusCode::kCancelled);
  held.Release();
}

TEST_P(UnaryCallsTest, MayAskForLessPriority) {
  gate_.Open();
  std::string priority;
  on_add_ = [&](const auto&, auto*, CallContext& context) {
    priority = std::string(context.metadata("pinion-priority").value_or(""));
    return absl::OkStatus();
  };
  StartAndConnect({.workers = 1});
  Started call(*client_, kAdd, AddOf("a"), {.priority = v1::PRIORITY_BULK});
  EXPECT_TRUE(call.Await().ok()) << call.Await();
  EXPECT_EQ(priority, "bulk");
}

}  // namespace
}  // namespace pinion
