// SPDX-License-Identifier: Apache-2.0
//
// A server that stops, whatever its calls and handlers do; in-process and over
// TCP.
#include <atomic>
#include <deque>
#include <optional>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/sanitized.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::ExpectFailure;
using ::pinion::testing::Gate;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::kTimesSlower;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::TestServer;
using ::pinion::testing::TransportName;
using ::testing::AllOf;
using ::testing::HasSubstr;

// How many calls wait for a handler that is stuck.
constexpr int kMany = 10'000 / kTimesSlower;

void ExpectStopped(OpenCall& call, v1::Executed executed) {
  ExpectFailure(call, absl::StatusCode::kUnavailable, v1::REASON_STOPPING,
                executed);
}

class StopTest : public LaneTest {
 protected:
  // Begins a call whose handler is stuck, and others that wait behind it.
  void BeginStuckAndWaiting(int waiting) {
    // One connection has half of it.
    Start(
        {.workers = 1, .lane_calls = 4 * kMany, .grace = absl::ZeroDuration()});
    stuck_.emplace(channel(), kAdd, AddOf("k"));
    gate_.AwaitArrivals(1);
    for (int i = 0; i < waiting; ++i) {
      waiting_.emplace_back(channel(), kAdd, AddOf("k"));
    }
    AwaitWaiting(waiting);
  }

  // Waits until calls are refused, and checks how.
  void AwaitRefusals() {
    for (;;) {
      // The door is looked at before the key, which is bad.
      OpenCall probe(channel(), kAdd, AddOf(""));
      if (probe.Await().code() == absl::StatusCode::kInvalidArgument) continue;
      ExpectStopped(probe, v1::EXECUTED_NO);
      return;
    }
  }

  std::optional<OpenCall> stuck_;
  std::deque<OpenCall> waiting_;
};

INSTANTIATE_TEST_SUITE_P(, StopTest, ::testing::Bool(), TransportName);

TEST_P(StopTest, AnswersAllThoughAHandlerIsStuckAndManyWait) {
  BeginStuckAndWaiting(kMany);
  // Cuts nothing off, however long it takes until all answers have left.
  server().Drain();
  ExpectStopped(*stuck_, v1::EXECUTED_MAYBE);
  for (OpenCall& call : waiting_) ExpectStopped(call, v1::EXECUTED_NO);
  EXPECT_EQ(Lane().counts.stopped, waiting_.size() + 1);
  EXPECT_EQ(Lane().counts.stopped_running, 1u);
  EXPECT_EQ(Lane().counts.abandoned, 1u);
  gate_.Open();
  AwaitHeld(0);
  test().Stop();  // Finds the account in order.
  EXPECT_EQ(adds_begun(), 1);
}

TEST_P(StopTest, NamesTheHandlerThatItDoesNotWaitFor) {
  BeginStuckAndWaiting(/*waiting=*/1);
  const absl::Status stopped = test().TryStop();
  EXPECT_EQ(stopped.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(
      std::string(stopped.message()),
      AllOf(HasSubstr(kAdd), HasSubstr("key in slot "), HasSubstr(", for ")));
  gate_.Open();
  AwaitHeld(0);
  test().Stop();
  EXPECT_EQ(adds_begun(), 1);
}

TEST_P(StopTest, WaitsInItsDestructorForAStuckHandler) {
  std::atomic<bool> handler_ended{false};
  on_add_ = [&](const auto&, auto*, CallContext&) {
    gate_.Pass();
    handler_ended = true;
    return absl::OkStatus();
  };
  Start({.workers = 1, .grace = absl::ZeroDuration()});
  OpenCall add(channel(), kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  EXPECT_FALSE(test().TryStop().ok());
  ExpectStopped(add, v1::EXECUTED_MAYBE);
  EXPECT_FALSE(handler_ended);
  std::thread opener([&] { gate_.Open(); });
  DestroyServer();
  EXPECT_TRUE(handler_ended);
  opener.join();
}

TEST_P(StopTest, WaitsForTheCallsThatRunAndWait) {
  Start({.workers = 1});
  OpenCall running(channel(), kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  OpenCall waiting(channel(), kAdd, AddOf("a"));
  AwaitWaiting(1);
  std::thread stopper([&] { server().Drain(); });
  AwaitRefusals();
  gate_.Open();
  stopper.join();
  EXPECT_TRUE(running.Await().ok());
  EXPECT_TRUE(waiting.Await().ok());
}

TEST_P(StopTest, AnswersWhatTheWorkerHasTakenButNotBegunWhenTheGraceIsOver) {
  constexpr int kCalls = 50;
  Start({.workers = 1, .grace = absl::ZeroDuration()});
  HeldWorker held(channel());
  std::deque<OpenCall> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.emplace_back(channel(), kAdd, AddOf("a"));
  }
  AwaitWaiting(kCalls);
  // The worker takes them all, and begins one.
  held.Release();
  gate_.AwaitArrivals(1);
  EXPECT_EQ(Lane().listed_calls, 0);
  server().Drain();
  int begun = 0;
  for (OpenCall& call : calls) {
    EXPECT_EQ(call.Await().code(), absl::StatusCode::kUnavailable);
    begun += call.failure().executed() == v1::EXECUTED_MAYBE;
  }
  EXPECT_EQ(begun, 1);
  gate_.Open();
  AwaitHeld(0);
  EXPECT_EQ(adds_begun(), 1);
}

TEST_P(StopTest, RefusesCallsFromItsBeginningAndEndsItsGraceWhenHurried) {
  Start({.workers = 1, .grace = absl::Hours(1)});
  OpenCall add(channel(), kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  std::thread stopper([&] { server().Drain(); });
  AwaitRefusals();
  EXPECT_EQ(Lane().counts.running, 1u);
  server().HurryStop();
  stopper.join();
  ExpectStopped(add, v1::EXECUTED_MAYBE);
  gate_.Open();
}

TEST_P(StopTest, TakesCallsAsALameDuckUntilHurried) {
  gate_.Open();
  Start({.workers = 1, .lame_duck = absl::Hours(1)});
  std::thread stopper([&] { server().Drain(); });
  for (int i = 0; i < 100; ++i) {
    OpenCall add(channel(), kAdd, AddOf("a"));
    EXPECT_TRUE(add.Await().ok()) << add.Await();
  }
  server().HurryStop();
  AwaitRefusals();
  stopper.join();
}

TEST_P(StopTest, WaitsForNothingWhenItWasHurriedBefore) {
  Start({.workers = 1, .lame_duck = absl::Hours(1), .grace = absl::Hours(1)});
  OpenCall add(channel(), kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  server().HurryStop();
  server().Drain();
  ExpectStopped(add, v1::EXECUTED_MAYBE);
  gate_.Open();
}

TEST_P(StopTest, MayBeHurriedByManyAtOnceAndAgain) {
  Start({.workers = 1, .grace = absl::Hours(1)});
  OpenCall add(channel(), kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  std::deque<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { server().HurryStop(); });
  }
  server().Drain();
  for (std::thread& thread : threads) thread.join();
  server().HurryStop();
  ExpectStopped(add, v1::EXECUTED_MAYBE);
  gate_.Open();
}

TEST_P(StopTest, EndsAtOnceWhenIdleAndMayBeCalledAgain) {
  gate_.Open();
  Start({.workers = 1, .grace = absl::Hours(1)});
  OpenCall add(channel(), kAdd, AddOf("a"));
  EXPECT_TRUE(add.Await().ok());
  test().Stop();
  test().Stop();
  OpenCall late(channel(), kAdd, AddOf("a"), {.timeout = absl::Hours(1)});
  EXPECT_EQ(late.Await().code(), absl::StatusCode::kUnavailable);
}

// In-process calls cannot begin once the server shuts down.
class LateCallsTest : public LaneTest {
 protected:
  // Calls again after each answer, until the server is gone. Returns whether
  // each call had an answer with a Failure, or was never sent.
  bool CallOn() {
    for (;;) {
      OpenCall add(channel(), kAdd, AddOf("a"));
      if (add.Await().ok() || add.failure().reason() == v1::REASON_STOPPING) {
        continue;
      }
      // Nobody listens any more, so it was never sent.
      return add.Await().code() == absl::StatusCode::kUnavailable;
    }
  }

  // Starts a server and stops it under load. Returns CallOn() of all clients.
  bool StopUnderLoad() {
    constexpr int kClients = 16;
    Start({.workers = 1});
    std::deque<std::thread> clients;
    std::atomic<int> lost{0};
    for (int i = 0; i < kClients; ++i) {
      clients.emplace_back([&] { lost += CallOn() ? 0 : 1; });
    }
    AwaitLane([](const auto& lane) { return lane.counts.ok > 200; }, true);
    test().Stop();
    for (std::thread& client : clients) client.join();
    return lost == 0;
  }
};

INSTANTIATE_TEST_SUITE_P(, LateCallsTest, ::testing::Values(true),
                         TransportName);

// A client that is given no CPU while the stop waits for its next call may lose
// that call. Without that wait nearly each stop loses some.
TEST_P(LateCallsTest, OfClientsThatAwaitTheirAnswersAllHaveAFailure) {
  constexpr int kStops = 5;
  gate_.Open();
  int without_loss = 0;
  for (int i = 0; i < kStops; ++i) without_loss += StopUnderLoad() ? 1 : 0;
  EXPECT_GT(without_loss, kStops / 2);
}

TEST(HurriedServerTest, WaitsForNothingThoughItWasHurriedBeforeItStarted) {
  Gate gate;
  const testing::AddShard::Handler at_gate = [&](const auto&, auto*,
                                                 CallContext&) {
    gate.Pass();
    return absl::OkStatus();
  };
  TestServer test(
      {.workers = 1, .lame_duck = absl::Hours(1), .grace = absl::Hours(1)});
  testing::HostAdd(test.server(), at_gate);
  test.server().HurryStop();
  test.Start();
  OpenCall add(test.InProcessChannel(), kAdd, AddOf("a"));
  gate.AwaitArrivals(1);
  test.server().Drain();
  ExpectStopped(add, v1::EXECUTED_MAYBE);
  gate.Open();
}

}  // namespace
}  // namespace pinion
