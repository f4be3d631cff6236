// SPDX-License-Identifier: Apache-2.0
//
// What becomes of calls when the connection to a real server freezes, while new
// ones work. Times are short so that the tests are; none claims that something
// takes less.
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/tests/support/freezable_relay.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/started_call.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::ExpectFailure;
using ::pinion::testing::FreezableRelay;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::LaneTest;
using ::pinion::testing::Started;

constexpr absl::Duration kShort = absl::Milliseconds(20);
constexpr absl::Duration kShortKeepalive = absl::Milliseconds(100);

class FrozenConnectionTest : public LaneTest {
 protected:
  void StartAndConnect(const ClientOptions& options) {
    gate_.Open();
    Start({.workers = 1});
    const std::string& address = server().address();
    relay_ = std::make_unique<FreezableRelay>(
        std::stoi(address.substr(address.rfind(':') + 1)));
    client_ = Client::Connect(relay_->address(), options);
    CallOn({});
  }
  // Begins `call`, freezes the connection while the call is at the server, and
  // keeps its answer back.
  void BeginAndFreeze(std::optional<Started>& call) {
    HeldWorker held(channel());
    // On a busy machine the client may leave its connection before the call has
    // come over it.
    while (Lane().held_calls == 0) {
      call.emplace(*client_, kAdd, AddOf("a"));
      while (Lane().held_calls == 0 && !call->answered()) {
        std::this_thread::yield();
      }
    }
    relay_->Freeze();
    held.Release();
    EXPECT_EQ(call->Await().code(), absl::StatusCode::kUnavailable)
        << call->Await();
  }
  absl::Status CallOnce(const CallOptions& options = {}) {
    return client_->CallRaw(kAdd, AddOf("a"), options).response.status();
  }
  // Calls until one is served.
  void CallOn(const CallOptions& options) {
    while (!CallOnce(options).ok()) {
    }
  }

  std::unique_ptr<FreezableRelay> relay_;
  std::unique_ptr<Client> client_;
};

// What is not the client's comes in-process.
INSTANTIATE_TEST_SUITE_P(, FrozenConnectionTest, ::testing::Values(false),
                         ::pinion::testing::TransportName);

TEST_P(FrozenConnectionTest, IsLeftAndNewCallsAreServed) {
  StartAndConnect({.keepalive_timeout = kShort});
  relay_->Freeze();
  CallOn({.timeout = absl::Seconds(1)});
  EXPECT_GE(relay_->connections(), 2);
}

TEST_P(FrozenConnectionTest, FailsCallsWithoutADeadline) {
  StartAndConnect(
      {.keepalive_time = kShortKeepalive, .keepalive_timeout = kShort});
  std::optional<Started> call;
  BeginAndFreeze(call);
  ExpectFailure(*call, absl::StatusCode::kUnavailable, v1::REASON_UNSPECIFIED,
                v1::EXECUTED_MAYBE);
  CallOn({});
}

TEST_P(FrozenConnectionTest, IsLeftThoughBytesOfRequestsFillIt) {
  StartAndConnect(
      {.keepalive_time = kShortKeepalive, .keepalive_timeout = kShort});
  relay_->Freeze();
  std::vector<std::unique_ptr<Started>> calls;
  for (int i = 0; i < 32; ++i) {
    calls.push_back(std::make_unique<Started>(
        *client_, kAdd, AddOf(std::string(900'000, 'x'))));
  }
  for (const auto& call : calls) call->Await().IgnoreError();
  CallOn({});
  client_ = nullptr;  // Nor does the client stay for it.
}

TEST_P(FrozenConnectionTest, IsLeftByUnaryCalls) {
  StartAndConnect({.unary = true,
                   .keepalive_time = kShortKeepalive,
                   .keepalive_timeout = kShortKeepalive});
  std::optional<Started> call;
  BeginAndFreeze(call);
  CallOn({});
}

TEST_P(FrozenConnectionTest, IsLeftByUnaryCallsThoughTheirBytesFillIt) {
  StartAndConnect({.unary = true,
                   .keepalive_time = kShortKeepalive,
                   .keepalive_timeout = kShortKeepalive});
  relay_->Freeze();
  std::vector<std::unique_ptr<Started>> calls;
  for (int i = 0; i < 32; ++i) {
    calls.push_back(std::make_unique<Started>(
        *client_, kAdd, AddOf(std::string(900'000, 'x'))));
  }
  for (const auto& call : calls) call->Await().IgnoreError();
  CallOn({});
}

TEST_P(FrozenConnectionTest, IsToldFromAServerThatIsSlow) {
  StartAndConnect({});
  HeldWorker held(channel());
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(CallOnce({.timeout = kShort}).ok());
  }
  held.Release();
  EXPECT_TRUE(CallOnce().ok());
  EXPECT_EQ(relay_->connections(), 1);
}

TEST_P(FrozenConnectionTest, IsToldFromAServerWithACallThatLastsLong) {
  StartAndConnect({.keepalive_time = kShortKeepalive});
  HeldWorker held(channel());
  Started lasting(*client_, kAdd, AddOf("a"));
  // The server answers the client's questions, whose answers are of no call.
  relay_->AwaitBytesOfServer(200);
  held.Release();
  EXPECT_TRUE(lasting.Await().ok());
  EXPECT_EQ(relay_->connections(), 1);
}

}  // namespace
}  // namespace pinion
