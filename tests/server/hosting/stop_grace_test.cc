// SPDX-License-Identifier: Apache-2.0
//
// A stop waits for what handlers do, answered or not, as long as the grace is;
// and for workers that do nothing of a handler's, however late they are.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/call_context.h"
#include "pinion/server/shard_info.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/test_server.h"
#include "shop/v1/counter.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::Gate;
using ::pinion::testing::kAdd;
using ::pinion::testing::kCounter;
using ::pinion::testing::OpenCall;
using ::pinion::testing::TestServer;
using ::shop::v1::AddRequest;
using ::shop::v1::AddResponse;
using ::testing::HasSubstr;

// Whose Add does what the test says.
class Shard {
 public:
  using Handler = std::function<void(const ShardInfo&, CallContext&)>;
  Shard(const ShardInfo& info, const Handler& handler)
      : info_(info), handler_(handler) {}
  absl::Status Add(const AddRequest&, AddResponse*, CallContext& context) {
    handler_(info_, context);
    return absl::OkStatus();
  }

 private:
  const ShardInfo& info_;
  const Handler& handler_;
};

class StopGraceTest : public ::testing::Test {
 protected:
  ~StopGraceTest() override { gate_.Open(); }

  void Start(absl::Duration grace, Shard::Handler handler) {
    handler_ = std::move(handler);
    test_.emplace(HostingOptions{.workers = 2, .grace = grace});
    test_->server()
        .Host<Shard>(kCounter,
                     [this](const ShardInfo& info) {
                       return std::make_unique<Shard>(info, handler_);
                     })
        .On("Add", &Shard::Add);
    test_->Start();
  }

  // Makes a call, whose caller has its answer or is gone when the gate holds
  // what its handler does.
  void CallAndGo() {
    OpenCall call(test_->TcpChannel(), kAdd, AddOf("k"));
    gate_.AwaitArrivals(1);
    call.Cancel();
    call.Await().IgnoreError();
    while (test_->server().Snapshot().methods[0].counts.running > 0) {
      std::this_thread::yield();
    }
  }

  // Each look of a stop that waits has both workers asked whether they are
  // quiet: one that is not held then makes a round.
  uint64_t Rounds() {
    uint64_t rounds = 0;
    for (const WorkerStats& worker : test_->server().Snapshot().workers) {
      rounds += worker.rounds;
    }
    return rounds;
  }

  // Stops, and opens the gate when the stop has looked about many times: for
  // longer than it waits for a handler once the grace is over.
  absl::Status StopAndOpenTheGateMuchLater() {
    constexpr uint64_t kManyLooks = 100;
    const uint64_t before = Rounds();
    std::atomic<bool> returned{false};
    absl::Status stopped;
    std::thread stopper([&] {
      stopped = test_->TryStop();
      returned = true;
    });
    while (!returned && Rounds() < before + kManyLooks) {
      std::this_thread::yield();
    }
    EXPECT_FALSE(returned) << "the stop did not wait: " << stopped;
    gate_.Open();
    stopper.join();
    return stopped;
  }

  Gate gate_;
  Shard::Handler handler_;
  std::optional<TestServer> test_;
};

constexpr absl::Duration kLong = absl::Hours(1);

TEST_F(StopGraceTest, AHandlerWhoseCallerHasGoneHasTheGrace) {
  Start(kLong, [&](const auto&, auto&) { gate_.Pass(); });
  CallAndGo();
  EXPECT_EQ(StopAndOpenTheGateMuchLater(), absl::OkStatus());
}

TEST_F(StopGraceTest, AHopOfAnAnsweredCallHasTheGrace) {
  Start(kLong, [&](const auto&, auto& context) {
    context.TakeHop().template Post<Shard>(
        /*worker=*/0, [&](Shard&) { gate_.Pass(); });
  });
  CallAndGo();
  EXPECT_EQ(StopAndOpenTheGateMuchLater(), absl::OkStatus());
}

TEST_F(StopGraceTest, AShardsOwnWorkThatRunsHasTheGrace) {
  Start(kLong, [&](const auto& info, auto&) {
    info.Post(TaskClass::kNormal, [&] { gate_.Pass(); });
  });
  CallAndGo();
  EXPECT_EQ(StopAndOpenTheGateMuchLater(), absl::OkStatus());
}

TEST_F(StopGraceTest, AWorkerThatGetsNoCpuFailsNoStop) {
  Start(absl::ZeroDuration(), [](const auto&, auto&) {});
  // In no handler; that a test's task has the thread is as if it had no CPU.
  auto& scheduler = const_cast<Scheduler&>(test_->server().scheduler());
  scheduler.AddTask(0, [&](WakeReasons) { gate_.Pass(); })->Wake();
  gate_.AwaitArrivals(1);
  EXPECT_EQ(StopAndOpenTheGateMuchLater(), absl::OkStatus());
}

TEST_F(StopGraceTest, NamesTheHopAndTheOwnWorkThatDoNotReturn) {
  for (const bool hops : {true, false}) {
    Gate held;
    Start(absl::ZeroDuration(), [&](const auto& info, auto& context) {
      if (hops) {
        context.TakeHop().template Post<Shard>(
            /*worker=*/0, [&](Shard&) { held.Pass(); });
      } else {
        info.Post(TaskClass::kNormal, [&] { held.Pass(); });
      }
    });
    OpenCall call(test_->TcpChannel(), kAdd, AddOf("k"));
    held.AwaitArrivals(1);
    const absl::Status stopped = test_->TryStop();
    EXPECT_EQ(stopped.code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_THAT(
        std::string(stopped.message()),
        HasSubstr(hops ? "runs a hop of shop.v1.CounterService, for "
                       : "runs background work of shop.v1.CounterService, "
                         "for "));
    held.Open();
    call.Await().IgnoreError();
    test_.reset();  // Waits for it.
  }
}

}  // namespace
}  // namespace pinion
