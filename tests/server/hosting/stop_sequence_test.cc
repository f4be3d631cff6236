// SPDX-License-Identifier: Apache-2.0
//
// The order of a stop, of a server without services: calls only enter and
// leave. stop_test and attach_stop_test stop whole servers.
#include "pinion/server/hosting/stop_sequence.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/stall_watch.h"
#include "pinion/proto/wire/health_message.h"
#include "pinion/server/door/inside.h"
#include "pinion/server/expiry/expirer.h"
#include "pinion/server/health.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/lane/lanes.h"
#include "pinion/server/lane/running_calls.h"
#include "pinion/server/log.h"
#include "pinion/server/log/server_log.h"
#include "pinion/server/options.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::testing::AllOf;
using ::testing::HasSubstr;

// One that ends in a test by what the test is about, or not at all.
constexpr absl::Duration kNoEnd = absl::Hours(1);

class StopSequenceTest : public ::testing::Test {
 protected:
  StopSequenceTest() {
    health_.AddObserver([this] { told_.Open(); });
  }
  ~StopSequenceTest() override {
    stop_.Hurry();
    stop_.Stop().IgnoreError();
    stop_.EndWorkersHoweverLong();
  }

  void StartWorkers() {
    stop_.WorkersStarted({.scheduler = *scheduler_,
                          .running_calls = running_calls_,
                          .lanes = lanes_,
                          .snapshot = [this] {
                            ++workers_ended_;
                            return ServerSnapshot();
                          }});
    stop_.DoorIsMade(inside_);
  }
  void StartServing() {
    grpc::ServerBuilder builder;
    io_threads_.push_back(
        std::make_unique<IoThread>(0, builder.AddCompletionQueue()));
    std::shared_ptr<grpc::Server> server = builder.BuildAndStart();
    ASSERT_NE(server, nullptr);
    server_ = server;
    stop_.ServingStarts({.health = health_,
                         .inside = inside_,
                         .io_threads = io_threads_,
                         .expirer = expirer_,
                         .token_judge = nullptr,
                         .stall_watch = stall_watch_,
                         .snapshot = [this] { return open_; },
                         .server = std::move(server)});
    io_threads_.front()->Start();
  }
  void Start(absl::Duration lame_duck, absl::Duration grace) {
    stop_.SetTimes(absl::ToChronoNanoseconds(lame_duck),
                   absl::ToChronoNanoseconds(grace));
    StartWorkers();
    StartServing();
  }
  // Waits until health has changed, with which a drain begins.
  void AwaitDrain() { told_.Pass(); }
  void ExpectStops() {
    const absl::Status stopped = stop_.Stop();
    EXPECT_TRUE(stopped.ok()) << stopped;
    EXPECT_EQ(workers_ended_, 1);
    EXPECT_TRUE(server_.expired()) << "the gRPC server is held";
  }

  HostingOptions options_;
  std::unique_ptr<Scheduler> scheduler_ =
      Scheduler::Manual({.workers = 1}, Clock());
  RunningCalls running_calls_{1};
  Inside inside_;
  std::vector<std::unique_ptr<Lanes>> lanes_;
  Expirer expirer_{Clock(), 1};
  Gate told_;
  Health health_{{"shop.v1.CartService"}, 1};
  std::vector<std::unique_ptr<IoThread>> io_threads_;
  std::unique_ptr<StallWatch> stall_watch_;
  std::weak_ptr<grpc::Server> server_;
  ServerSnapshot open_;
  int workers_ended_ = 0;
  // Receives the stop's lines.
  LogFunction on_line_ = [](absl::string_view) {};
  ServerLog log_{
      {.function = [this](absl::string_view line) { on_line_(line); }}};
  StopSequence stop_{options_, log_};
};

TEST_F(StopSequenceTest, WhereNothingWasMadeNothingIsEnded) {
  stop_.BeginDrain();
  stop_.Drain();
  EXPECT_TRUE(stop_.Stop().ok());
  stop_.EndWorkersHoweverLong();
  EXPECT_EQ(workers_ended_, 0);
}

TEST_F(StopSequenceTest, WorkersEndWithoutAServerToo) {
  StartWorkers();
  EXPECT_TRUE(stop_.Stop().ok());
  EXPECT_EQ(workers_ended_, 1);
  EXPECT_TRUE(inside_.Enter()) << "no drain was needed";
}

TEST_F(StopSequenceTest, AStopEndsEachPartOnce) {
  Start(absl::ZeroDuration(), kNoEnd);
  ExpectStops();
  EXPECT_FALSE(inside_.Enter());
  stop_.Drain();
  ExpectStops();
  stop_.EndWorkersHoweverLong();
  EXPECT_EQ(workers_ended_, 1);
}

TEST_F(StopSequenceTest, CallsEnterThroughTheLameDuckWhichAHurryEnds) {
  Start(kNoEnd, kNoEnd);
  std::thread drain([&] { stop_.BeginDrain(); });
  AwaitDrain();
  EXPECT_EQ(health_.Of("shop.v1.CartService"), HealthStatus::kNotServing);
  EXPECT_TRUE(inside_.Enter());
  inside_.Leave();
  stop_.Hurry();
  drain.join();
  EXPECT_FALSE(inside_.Enter());
  ExpectStops();
}

TEST_F(StopSequenceTest, ADrainWaitsForTheCallsInside) {
  Start(absl::ZeroDuration(), kNoEnd);
  ASSERT_TRUE(inside_.Enter());
  bool left = false;
  std::thread caller([&] {
    AwaitDrain();
    left = true;
    inside_.Leave();
  });
  stop_.Drain();
  EXPECT_TRUE(left);
  caller.join();
  ExpectStops();
}

TEST_F(StopSequenceTest, AStopThatWaitsSaysWhatForAndForHowLong) {
  Gate said;
  std::string line;
  on_line_ = [&](absl::string_view logged) {
    line = std::string(logged);
    said.Pass();
  };
  MethodSnapshot watch;
  watch.method = "/shop.v1.CartService/Watch";
  watch.counts.running = 1;
  open_.methods.push_back(watch);
  Start(absl::ZeroDuration(), kNoEnd);
  ASSERT_TRUE(inside_.Enter());
  std::thread drain([&] { stop_.Drain(); });
  said.AwaitArrivals(1);
  EXPECT_THAT(line, AllOf(HasSubstr("waits for 1 call, for 59m5"),
                          HasSubstr("1 of /shop.v1.CartService/Watch")));
  said.Open();
  inside_.Leave();
  drain.join();
  ExpectStops();
}

TEST_F(StopSequenceTest, ALameDuckSaysForHowLongItAcceptsCalls) {
  Gate said;
  std::string line;
  on_line_ = [&](absl::string_view logged) {
    line = std::string(logged);
    said.Pass();
  };
  Start(kNoEnd, absl::ZeroDuration());
  std::thread drain([&] { stop_.Drain(); });
  said.AwaitArrivals(1);
  EXPECT_THAT(
      line, AllOf(HasSubstr("accepts calls for 59m5"), HasSubstr("lame_duck")));
  said.Open();
  stop_.Hurry();
  drain.join();
  ExpectStops();
}

TEST_F(StopSequenceTest, AHurryEndsTheGracePeriod) {
  Start(absl::ZeroDuration(), kNoEnd);
  ASSERT_TRUE(inside_.Enter());
  std::thread stopper([&] { ExpectStops(); });
  AwaitDrain();
  stop_.Hurry();
  stop_.Hurry();  // As often as one likes.
  stopper.join();
  EXPECT_EQ(inside_.count(), 1);
}

TEST_F(StopSequenceTest, AHurryBeforeThereIsADoorIsNotForgotten) {
  stop_.Hurry();
  Start(kNoEnd, kNoEnd);
  ASSERT_TRUE(inside_.Enter());
  ExpectStops();
  EXPECT_EQ(inside_.count(), 1);
}

TEST_F(StopSequenceTest, TheSecondThatDrainsWaitsForTheFirst) {
  Start(absl::ZeroDuration(), kNoEnd);
  ASSERT_TRUE(inside_.Enter());
  std::thread first([&] { stop_.Drain(); });
  AwaitDrain();
  bool left = false;
  std::thread second([&] {
    stop_.Drain();
    EXPECT_TRUE(left);
  });
  left = true;
  inside_.Leave();
  first.join();
  second.join();
  ExpectStops();
}

TEST_F(StopSequenceTest, AServersEndDrainsOnceAndWithoutALameDuck) {
  Start(kNoEnd, kNoEnd);
  ASSERT_TRUE(inside_.Enter());
  stop_.OnServerEnd();
  stop_.OnServerEnd();  // Each I/O thread tells it.
  AwaitDrain();
  inside_.Leave();
  ExpectStops();
}

TEST_F(StopSequenceTest, AServersEndWithinAStopIsTheStopsOwn) {
  Start(absl::ZeroDuration(), kNoEnd);
  stop_.Drain();
  stop_.OnServerEnd();
  ExpectStops();
}

}  // namespace
}  // namespace pinion
