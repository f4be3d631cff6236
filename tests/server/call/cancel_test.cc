// SPDX-License-Identifier: Apache-2.0
//
// Calls that are cancelled, in each state in which that can find them;
// in-process and over TCP.
#include <deque>
#include <random>
#include <thread>

#include "gtest/gtest.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing/seed.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/sanitized.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::Gate;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::kTimesSlower;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::Seed;
using ::pinion::testing::TransportName;

class CancelTest : public LaneTest {
 protected:
  void AwaitCancelled(uint64_t calls) {
    AwaitLane([](const auto& lane) { return lane.counts.cancelled; }, calls);
  }
};

INSTANTIATE_TEST_SUITE_P(, CancelTest, ::testing::Bool(), TransportName);

TEST_P(CancelTest, NeverRunsWhatIsCancelledBeforeTheWorkerTakesIt) {
  Start({.workers = 1});
  HeldWorker held(channel());
  OpenCall add(channel(), kAdd, AddOf("a"));
  AwaitWaiting(1);
  add.Cancel();
  EXPECT_EQ(add.Await().code(), absl::StatusCode::kCancelled);
  AwaitCancelled(1);
  EXPECT_EQ(Lane().counts.cancelled_running, 0u);
  EXPECT_EQ(Lane().held_calls, 1);  // The list has it still.
  held.Release();
  AwaitHeld(0);
  EXPECT_EQ(adds_begun(), 0);
}

TEST_P(CancelTest, NeverRunsWhatTheWorkerHasTakenButNotBegun) {
  Start({.workers = 1});
  HeldWorker held(channel());
  OpenCall first(channel(), kAdd, AddOf("a"));
  AwaitWaiting(1);
  OpenCall second(channel(), kAdd, AddOf("a"));
  AwaitWaiting(2);
  held.Release();
  gate_.AwaitArrivals(1);
  EXPECT_EQ(Lane().listed_calls, 0);
  second.Cancel();
  AwaitCancelled(1);
  gate_.Open();
  EXPECT_TRUE(first.Await().ok());
  AwaitHeld(0);
  EXPECT_EQ(adds_begun(), 1);
}

TEST_P(CancelTest, TellsARunningHandlerAndDropsItsResult) {
  Gate told;
  on_add_ = [&](const auto&, auto*, CallContext& context) {
    EXPECT_FALSE(context.cancelled());
    gate_.Pass();
    while (!context.cancelled()) std::this_thread::yield();
    told.Pass();
    return absl::OkStatus();
  };
  Start({.workers = 1});
  OpenCall add(channel(), kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  gate_.Open();
  add.Cancel();
  told.AwaitArrivals(1);
  EXPECT_EQ(add.Await().code(), absl::StatusCode::kCancelled);
  LaneSnapshot lane = Lane();
  EXPECT_EQ(lane.counts.cancelled_running, 1u);
  EXPECT_EQ(lane.counts.running, 0u);
  EXPECT_EQ(lane.counts.abandoned, 1u);
  EXPECT_EQ(lane.held_calls, 1);
  told.Open();
  AwaitHeld(0);
  lane = Lane();
  EXPECT_EQ(lane.counts.abandoned, 0u);
  EXPECT_EQ(lane.counts.ok, 0u);
  EXPECT_EQ(lane.counts.cancelled, 1u);
}

TEST_P(CancelTest, ChangesNothingOfACallThatHasItsAnswer) {
  gate_.Open();
  Start({.workers = 1});
  OpenCall add(channel(), kAdd, AddOf("a"));
  ASSERT_TRUE(add.Await().ok());
  add.Cancel();
  EXPECT_TRUE(add.Await().ok());
  EXPECT_EQ(Lane().counts.ok, 1u);
  EXPECT_EQ(Lane().counts.cancelled, 0u);
}

TEST_P(CancelTest, AnswersEachCallOnceHoweverItsCancellationMeetsItsHandler) {
  constexpr int kCalls = 2000 / kTimesSlower;
  const Seed seed;
  std::mt19937_64 random(seed.value());
  gate_.Open();
  Start({.workers = 1});
  std::deque<OpenCall> adds;
  for (int i = 0; i < kCalls; ++i) {
    adds.emplace_back(channel(), kAdd, AddOf("a"));
    // One of the last few, wherever it is by now.
    const size_t ago = random() % std::min<size_t>(adds.size(), 20);
    adds[adds.size() - 1 - ago].Cancel();
  }
  uint64_t ok = 0;
  for (OpenCall& add : adds) {
    const absl::Status status = add.Await();
    ok += status.ok();
    EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kCancelled)
        << status;
  }
  // A client may have given up a call that succeeded, and one that never came.
  AwaitHeld(0);
  const CallCounts counts = Lane().counts;
  EXPECT_EQ(counts.accepted, counts.ok + counts.cancelled);
  EXPECT_GE(counts.ok, ok);
  EXPECT_LE(counts.accepted, static_cast<uint64_t>(kCalls));
}

}  // namespace
}  // namespace pinion
