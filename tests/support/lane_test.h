// SPDX-License-Identifier: Apache-2.0
//
// LaneTest: a server with a lane whose handler does what the test says, called
// in-process and over TCP.
//
// Threads: the test's; on_add runs on workers.
// Example: using DeadlineTest = LaneTest;
//          INSTANTIATE_TEST_SUITE_P(, DeadlineTest, ::testing::Bool(),
//                                   TransportName);
//          TEST_P(DeadlineTest, NeverRunsWhatHasExpired) {
//            Start({.workers = 1});
//            HeldWorker held(channel());
//            OpenCall add(channel(), kAdd, AddOf("a"));
//
// A test of what happens at a time calls StartManual() instead: its workers run
// when it steps them, and the clock goes on when it says so.
#ifndef PINION_TESTS_SUPPORT_LANE_TEST_H_
#define PINION_TESTS_SUPPORT_LANE_TEST_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/server/call_context.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing/gate.h"
#include "pinion/server/testing/manual_server.h"
#include "pinion/tests/support/grpc_order.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/test_server.h"
#include "shop/v1/counter.pb.h"
#include "tests/support/hold.pb.h"

namespace pinion::testing {

inline constexpr char kCounter[] = "shop.v1.CounterService";
inline constexpr char kAdd[] = "/shop.v1.CounterService/Add";
inline constexpr char kHold[] = "/pinion.test.HoldService/Hold";

// An AddRequest, serialized.
inline std::string AddOf(absl::string_view name, int64_t by = 1) {
  shop::v1::AddRequest request;
  request.set_name(std::string(name));
  request.set_by(by);
  return request.SerializeAsString();
}

// A shard whose Add does what the test says.
struct AddShard {
  using Handler = std::function<absl::Status(
      const shop::v1::AddRequest&, shop::v1::AddResponse*, CallContext&)>;
  absl::Status Add(const shop::v1::AddRequest& request,
                   shop::v1::AddResponse* response, CallContext& context) {
    return handler(request, response, context);
  }
  const Handler handler;
};

inline void HostAdd(Server& server, const AddShard::Handler& handler) {
  server
      .Host<AddShard>(kCounter,
                      [handler] {
                        return std::unique_ptr<AddShard>(new AddShard{handler});
                      })
      .On("Add", &AddShard::Add);
}

// Where the handler of a Hold waits, and what it opens when it has left.
struct HoldGates {
  Gate hold;
  Gate left;
};

class HoldShard {
 public:
  absl::Status Hold(const test::HoldRequest& request, test::HoldResponse*) {
    OrderAsGrpcDoes();
    auto* gates = reinterpret_cast<HoldGates*>(request.gates());
    gates->hold.Pass();
    gates->left.Open();
    return absl::OkStatus();
  }
};

// The options of a Hold for worker 0.
inline OpenCallOptions OnWorker0(OpenCallOptions options = {}) {
  options.metadata.emplace_back("pinion-worker", "0");
  return options;
}

// Holds worker 0 at a gate, by a handler of another service than Add's.
class HeldWorker {
 public:
  explicit HeldWorker(const GuardedChannel& channel)
      : HeldWorker(channel, {.timeout = absl::Hours(1)}) {}
  HeldWorker(const GuardedChannel& channel, OpenCallOptions options)
      : call_(channel, kHold, Request(), OnWorker0(std::move(options))) {
    gates_.hold.AwaitArrivals(1);
  }
  ~HeldWorker() { Release(); }

  void Release() {
    gates_.hold.Open();
    gates_.left.Pass();
  }

 private:
  std::string Request() {
    test::HoldRequest request;
    request.set_gates(reinterpret_cast<uintptr_t>(&gates_));
    return request.SerializeAsString();
  }

  HoldGates gates_;
  OpenCall call_;
};

// The parameter: whether calls come over TCP.
class LaneTest : public ::testing::TestWithParam<bool> {
 protected:
  ~LaneTest() override { gate_.Open(); }

  void Start(HostingOptions options, ListenOptions listen = {}) {
    test_ = std::make_unique<TestServer>(std::move(options), std::move(listen));
    HostAll(server());
    test_->Start();
    channel_ = GetParam() ? test_->TcpChannel() : test_->InProcessChannel();
  }
  // Calls that came are awaited by manual().AwaitWaiting() here.
  void StartManual(HostingOptions options) {
    manual_ = std::make_unique<ManualServer>(
        [this](Server& server) { HostAll(server); },
        ManualOptions{.hosting = std::move(options)});
    channel_ = GetParam() ? TcpChannelTo(server())
                          : GuardedChannel{manual_->in_process().channel(),
                                           manual_->in_process().guard()};
  }
  virtual void HostMore(Server&) {}
  void DestroyServer() { test_.reset(); }

  TestServer& test() { return *test_; }
  ManualServer& manual() { return *manual_; }
  Server& server() {
    return manual_ != nullptr ? manual_->server() : test_->server();
  }
  const GuardedChannel& channel() const { return channel_; }

  // The lane of Add on worker 0.
  LaneSnapshot Lane() {
    for (LaneSnapshot& lane : server().Snapshot().lanes) {
      if (lane.service == kCounter && lane.worker == 0) return std::move(lane);
    }
    ADD_FAILURE() << "there is no lane of " << kCounter;
    return {};
  }

  // Waits until what `field` says of the lane is `value`, as it will be however
  // long that takes: what happens within a server opens no gates.
  template <typename Field, typename Value>
  void AwaitLane(Field field, Value value) {
    while (field(Lane()) != value) std::this_thread::yield();
  }
  // Waits until so many calls wait and are listed, not just counted.
  void AwaitWaiting(uint64_t calls) {
    AwaitLane(
        [&](const auto& lane) {
          return lane.counts.waiting == calls &&
                 lane.listed_calls >= static_cast<int64_t>(calls);
        },
        true);
  }
  void AwaitAnswered(uint64_t calls) {
    AwaitLane([](const auto& lane) { return lane.counts.answered(); }, calls);
  }
  void AwaitHeld(int64_t calls) {
    AwaitLane([](const auto& lane) { return lane.held_calls; }, calls);
  }

  // How many calls of Add a handler has begun.
  int adds_begun() const { return adds_begun_; }

  // Where an Add waits, unless the test has set another on_add_ by Start().
  Gate gate_;
  AddShard::Handler on_add_ = [this](const auto& request, auto* response,
                                     CallContext&) {
    gate_.Pass();
    response->set_value(request.by());
    return absl::OkStatus();
  };

 private:
  void HostAll(Server& server) {
    HostAdd(server, counted_add_);
    server.Host<HoldShard>("pinion.test.HoldService")
        .On("Hold", &HoldShard::Hold);
    HostMore(server);
  }

  std::atomic<int> adds_begun_{0};
  const AddShard::Handler counted_add_ =
      [this](const auto& request, auto* response, CallContext& context) {
        OrderAsGrpcDoes();
        ++adds_begun_;
        const absl::Status status = on_add_(request, response, context);
        OrderAsGrpcDoes();
        return status;
      };
  std::unique_ptr<TestServer> test_;
  std::unique_ptr<ManualServer> manual_;
  GuardedChannel channel_;
};

inline std::string TransportName(const ::testing::TestParamInfo<bool>& info) {
  return info.param ? "OverTcp" : "InProcess";
}

// That `call` was answered so, without what a handler gave, and says so in each
// of the ways in which it should.
inline void ExpectFailure(OpenCall& call, absl::StatusCode code,
                          v1::Reason reason, v1::Executed executed) {
  const absl::Status status = call.Await();
  EXPECT_EQ(status.code(), code) << status;
  const v1::Failure failure = call.failure();
  EXPECT_EQ(failure.reason(), reason) << status << failure.DebugString();
  EXPECT_EQ(failure.executed(), executed) << status << failure.DebugString();
  EXPECT_EQ("EXECUTED_" + call.trailer("pinion-executed"),
            v1::Executed_Name(executed));
}

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_LANE_TEST_H_
