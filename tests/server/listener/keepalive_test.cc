// SPDX-License-Identifier: Apache-2.0
//
// That a server finds out which clients are gone without a word.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <cstdint>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "pinion/tests/support/freezable_relay.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/session_client.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::FreezableRelay;
using ::pinion::testing::GuardedChannel;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::LaneTest;
using ::pinion::testing::SessionClient;

class KeepaliveTest : public LaneTest {
 protected:
  void StartBehindRelay(absl::Duration keepalive_timeout) {
    Start({.workers = 1}, {.keepalive_time = absl::Milliseconds(100),
                           .keepalive_timeout = keepalive_timeout});
    const std::string& address = server().address();
    relay_ = std::make_unique<FreezableRelay>(
        std::stoi(address.substr(address.rfind(':') + 1)));
    over_relay_ = {grpc::CreateChannel(relay_->address(),
                                       grpc::InsecureChannelCredentials()),
                   nullptr};
  }

  std::unique_ptr<FreezableRelay> relay_;
  GuardedChannel over_relay_;
};

// What does not go through the relay comes in-process.
INSTANTIATE_TEST_SUITE_P(, KeepaliveTest, ::testing::Values(false),
                         ::pinion::testing::TransportName);

TEST_P(KeepaliveTest, AClientThatIsGoneWithoutAWordHoldsNoPlace) {
  StartBehindRelay(absl::Seconds(1));
  HeldWorker held(channel());
  SessionClient session(over_relay_);
  v1::OpenRequest request;
  v1::SessionCall* const call = request.add_calls();
  call->set_method(kAdd);
  call->set_payload(AddOf("a"));
  session.Send(request);
  AwaitWaiting(1);
  relay_->Freeze();
  AwaitLane([](const auto& lane) { return lane.counts.cancelled; },
            uint64_t{1});
  held.Release();  // Its list has it until the worker comes by.
  AwaitHeld(0);
}

TEST_P(KeepaliveTest, AClientIsAskedOnAndOnThoughNothingIsSent) {
  StartBehindRelay(absl::Hours(1));
  SessionClient session(over_relay_);
  session.AwaitHello();
  // A ping and the answer to one have 17 bytes each, and by itself gRPC asks
  // twice.
  relay_->AwaitBytesOfServer(200);
}

}  // namespace
}  // namespace pinion
