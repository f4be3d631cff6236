// SPDX-License-Identifier: Apache-2.0
//
// Calls whose deadline passes, in each state in which it can find them;
// in-process and over TCP.
#include <grpc/support/time.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <thread>

#include "gtest/gtest.h"
#include "pinion/server/expiry/deadline_wheel.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/sanitized.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::ExpectFailure;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::kTimesSlower;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::TransportName;

// A deadline that comes while a worker is held, however slow the machine is.
constexpr absl::Duration kSoon = absl::Milliseconds(20);

// One that comes when the test says so.
constexpr absl::Duration kTimeout = absl::Minutes(5);
constexpr std::chrono::nanoseconds kNano(1);

void ExpectExpired(OpenCall& call, v1::Executed executed) {
  ExpectFailure(call, absl::StatusCode::kDeadlineExceeded, v1::REASON_EXPIRED,
                executed);
}

// Most of these calls have no deadline of their own but the server's
// default_timeout: a client's timer would answer them by itself.
class DeadlineTest : public LaneTest {
 protected:
  // Lets just so much time pass, of a manual server, and ends what is due then.
  void Pass(std::chrono::nanoseconds span) {
    manual().time().Advance(span);
    manual().ExpireDue();
  }
};

INSTANTIATE_TEST_SUITE_P(, DeadlineTest, ::testing::Bool(), TransportName);

TEST_P(DeadlineTest, AnswersWhatWaitsAtItsDeadlineAndAtMostATickLater) {
  StartManual({.workers = 1, .default_timeout = kTimeout});
  OpenCall add(channel(), kAdd, AddOf("a"));
  manual().AwaitWaiting(1);
  Pass(absl::ToChronoNanoseconds(kTimeout) - kNano);
  EXPECT_EQ(Lane().counts.expired, 0u);
  Pass(DeadlineWheel::kTick + kNano);
  EXPECT_EQ(Lane().counts.expired, 1u);
  EXPECT_EQ(Lane().counts.expired_running, 0u);
  ExpectExpired(add, v1::EXECUTED_NO);
  manual().RunUntilIdle();
  EXPECT_EQ(adds_begun(), 0);
}

TEST_P(DeadlineTest, TellsARunningHandlerAtItsDeadlineAndAtMostATickLater) {
  on_add_ = [&](const auto&, auto*, CallContext& context) {
    Pass(absl::ToChronoNanoseconds(kTimeout) - kNano);
    EXPECT_FALSE(context.cancelled());
    EXPECT_EQ(context.time_left(), absl::FromChrono(kNano));
    Pass(DeadlineWheel::kTick + kNano);
    EXPECT_TRUE(context.cancelled());
    return absl::OkStatus();
  };
  StartManual({.workers = 1, .default_timeout = kTimeout});
  OpenCall add(channel(), kAdd, AddOf("a"));
  manual().AwaitWaiting(1);
  manual().RunUntilIdle();
  ExpectExpired(add, v1::EXECUTED_MAYBE);
  EXPECT_EQ(Lane().counts.expired_running, 1u);
}

TEST_P(DeadlineTest, AnswersWhatWaitsThoughItsWorkerIsHeldAndNeverRunsIt) {
  constexpr uint64_t kTimes = 5;
  Start({.workers = 1, .default_timeout = kSoon});
  for (uint64_t i = 0; i < kTimes; ++i) {
    HeldWorker held(channel());
    const auto begun = std::chrono::steady_clock::now();
    OpenCall add(channel(), kAdd, AddOf("a"));
    ExpectExpired(add, v1::EXECUTED_NO);
    EXPECT_GE(absl::FromChrono(add.answered_at() - begun), kSoon)
        << "it came too early";
    held.Release();
    AwaitHeld(0);  // The worker has let go of it: the lane is empty again.
  }
  EXPECT_EQ(adds_begun(), 0);
  EXPECT_EQ(Lane().counts.expired, kTimes);
  EXPECT_EQ(Lane().counts.expired_running, 0u);
}

TEST_P(DeadlineTest, NeverRunsWhatTheWorkerHasTakenButNotBegun) {
  on_add_ = [&](const auto& request, auto*, CallContext&) {
    EXPECT_EQ(request.name(), "first");
    // Both were taken out of the list together, as one run handles them.
    EXPECT_EQ(Lane().listed_calls, 0);
    manual().Advance(kTimeout);
    EXPECT_EQ(Lane().counts.expired, 1u);
    EXPECT_EQ(Lane().held_calls, 2);
    return absl::OkStatus();
  };
  StartManual({.workers = 1, .default_timeout = kTimeout});
  OpenCall first(channel(), kAdd, AddOf("first"), {.timeout = absl::Hours(1)});
  manual().AwaitWaiting(1);
  OpenCall second(channel(), kAdd, AddOf("second"));
  manual().AwaitWaiting(2);
  manual().RunUntilIdle();
  ExpectExpired(second, v1::EXECUTED_NO);
  EXPECT_TRUE(first.Await().ok()) << first.Await();
  EXPECT_EQ(Lane().held_calls, 0);
  EXPECT_EQ(adds_begun(), 1);
}

TEST_P(DeadlineTest,
       AnswersARunningCallAndCountsItAsAbandonedUntilItsHandlerEnds) {
  on_add_ = [&](const auto&, auto*, CallContext& context) {
    gate_.Pass();
    EXPECT_TRUE(context.cancelled());
    EXPECT_LT(context.time_left(), absl::ZeroDuration());
    return absl::OkStatus();
  };
  Start({.workers = 1, .default_timeout = kSoon});
  // On a busy machine one may expire before it runs.
  std::optional<OpenCall> add;
  do {
    add.emplace(channel(), kAdd, AddOf("a"));
    add->Await().IgnoreError();
  } while (add->failure().executed() == v1::EXECUTED_NO);
  ExpectExpired(*add, v1::EXECUTED_MAYBE);
  LaneSnapshot lane = Lane();
  EXPECT_EQ(lane.counts.expired_running, 1u);
  EXPECT_EQ(lane.counts.running, 0u);
  EXPECT_EQ(lane.counts.abandoned, 1u);
  EXPECT_EQ(lane.held_calls, 1);
  gate_.Open();
  AwaitHeld(0);
  lane = Lane();
  EXPECT_EQ(lane.counts.abandoned, 0u);
  EXPECT_EQ(lane.counts.ok, 0u);  // Its result came too late.
  EXPECT_EQ(lane.counts.answered(), lane.counts.accepted);
}

TEST_P(DeadlineTest, AnswersAClientWhoseOwnDeadlinePasses) {
  Start({.workers = 1});
  HeldWorker held(channel());
  // On a busy machine one may expire before it has left its client.
  do {
    OpenCall add(channel(), kAdd, AddOf("a"), {.timeout = kSoon});
    EXPECT_FALSE(add.Await().ok());
  } while (Lane().counts.accepted == 0);
  // The client's timer may be the first to say so, and then cancels the call.
  AwaitLane([](const auto& lane) { return lane.counts.waiting; }, 0u);
  const CallCounts counts = Lane().counts;
  EXPECT_EQ(counts.expired + counts.cancelled, counts.accepted);
  held.Release();
  AwaitHeld(0);
  EXPECT_EQ(adds_begun(), 0);
}

TEST_P(DeadlineTest, SurvivesManyClientsWhoseOwnDeadlinesPass) {
  Start({.workers = 1});
  OpenCall running(channel(), kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  for (int i = 0; i < 20; ++i) {
    OpenCall add(channel(), kAdd, AddOf("a"),
                 {.timeout = absl::Milliseconds(1)});
    // The first ones may wait; for a later one the worker is kept too long.
    EXPECT_TRUE(add.Await().code() == absl::StatusCode::kDeadlineExceeded ||
                add.Await().code() == absl::StatusCode::kResourceExhausted)
        << add.Await();
  }
  gate_.Open();
  EXPECT_TRUE(running.Await().ok());
  OpenCall add(channel(), kAdd, AddOf("a"));
  EXPECT_TRUE(add.Await().ok());
}

TEST_P(DeadlineTest, NeverRunsACallWhoseDeadlineHasPassedWhenItArrives) {
  Start({.workers = 1, .default_timeout = absl::Nanoseconds(1)});
  for (int i = 0; i < 20; ++i) {
    OpenCall add(channel(), kAdd, AddOf("a"));
    const absl::Status status = add.Await();
    // The lane may be about to end the call before, and then refuses this one.
    EXPECT_TRUE(absl::IsDeadlineExceeded(status) ||
                add.failure().reason() == v1::REASON_WAIT_TOO_LONG)
        << status;
    EXPECT_EQ(add.failure().executed(), v1::EXECUTED_NO) << status;
    AwaitHeld(0);
  }
  OpenCall late(channel(), kAdd, AddOf("a"), {.timeout = -absl::Seconds(1)});
  EXPECT_EQ(late.Await().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(adds_begun(), 0);
}

TEST_P(DeadlineTest, GivesTheDefaultTimeoutToCallsWithoutADeadlineOnly) {
  on_add_ = [&](const auto& request, auto*, CallContext& context) {
    if (request.name() == "has none") {
      EXPECT_GT(context.time_left(), absl::Minutes(4));
      EXPECT_LE(context.time_left(), absl::Minutes(5));
    } else {
      EXPECT_GT(context.time_left(), absl::Minutes(8));
    }
    return absl::OkStatus();
  };
  Start({.workers = 1, .default_timeout = absl::Minutes(5)});
  OpenCall without(channel(), kAdd, AddOf("has none"));
  EXPECT_TRUE(without.Await().ok());
  OpenCall with(channel(), kAdd, AddOf("has"), {.timeout = absl::Minutes(9)});
  EXPECT_TRUE(with.Await().ok());
}

TEST_P(DeadlineTest, EndsNoCallForADeadlineThatIsFartherAwayThanItCanCount) {
  on_add_ = [&](const auto&, auto*, CallContext& context) {
    EXPECT_GT(context.time_left(), absl::Hours(24 * 365));
    EXPECT_GT(context.deadline(), absl::Now() + absl::Hours(24 * 365));
    return absl::OkStatus();
  };
  Start({.workers = 1});
  constexpr int64_t kYear = 365 * 24 * 60 * 60;
  for (const int64_t years : {2, 99, 101, 200, 280, 300, 400, 1000, 11'000}) {
    gpr_timespec deadline = gpr_now(GPR_CLOCK_REALTIME);
    deadline.tv_sec += years * kYear;
    OpenCall add(channel(), kAdd, AddOf("a"), {.deadline = deadline});
    EXPECT_TRUE(add.Await().ok()) << years << " years: " << add.Await();
  }
}

TEST_P(DeadlineTest, HoldsNoMoreThanItMayWhenShortDeadlinesFloodAStuckWorker) {
  constexpr int kCapacity = 100 / kTimesSlower;
  constexpr int kFlood = 10 * kCapacity;
  const auto one = static_cast<int64_t>(AddOf("a").size());
  Start({.workers = 1, .lane_calls = kCapacity, .default_timeout = kSoon});
  HeldWorker held(channel());
  std::atomic<bool> flooding{true};
  std::thread watcher([&] {
    while (flooding) {
      const LaneSnapshot lane = Lane();
      EXPECT_LE(lane.held_calls, kCapacity);
      EXPECT_LE(lane.held_bytes, kCapacity * one);
      EXPECT_LE(lane.listed_calls, kCapacity);
    }
  });
  std::deque<OpenCall> adds;
  for (int i = 0; i < kFlood; ++i) {
    adds.emplace_back(channel(), kAdd, AddOf("a"));
  }
  uint64_t expired = 0;
  for (OpenCall& add : adds) {
    const absl::Status status = add.Await();
    EXPECT_EQ(add.failure().executed(), v1::EXECUTED_NO) << status;
    expired += status.code() == absl::StatusCode::kDeadlineExceeded;
  }
  flooding = false;
  watcher.join();
  // All are answered, but their places are not to be had: the list has them.
  const LaneSnapshot lane = Lane();
  EXPECT_GE(expired, 1u);
  EXPECT_EQ(lane.counts.expired, expired);
  EXPECT_EQ(lane.counts.refusals(), kFlood - expired);
  EXPECT_EQ(lane.held_calls, static_cast<int64_t>(expired));
  EXPECT_EQ(lane.held_bytes, static_cast<int64_t>(expired) * one);
  held.Release();
  AwaitHeld(0);
  EXPECT_EQ(Lane().held_bytes, 0);
  EXPECT_EQ(adds_begun(), 0);
  gate_.Open();
  OpenCall add(channel(), kAdd, AddOf("a"), {.timeout = absl::Hours(1)});
  EXPECT_TRUE(add.Await().ok());
}

}  // namespace
}  // namespace pinion
