// SPDX-License-Identifier: Apache-2.0
//
// Calls whose deadline passes, in each state in which it can find them;
// in-process and over TCP.
#include <grpc/support/time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/lane_test.h"
#include "tests/support/sanitized.h"

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

// How late an answer may be after its deadline, and how often that is looked
// at. The median has to be in time: a machine whose other work takes its CPUs
// from a few of the answers spoils those, and a server that is late is late
// with most.
constexpr absl::Duration kMostLate = absl::Milliseconds(10);
constexpr int kLooks = 21;

void ExpectInTime(std::vector<absl::Duration> late) {
  ASSERT_EQ(late.size(), static_cast<size_t>(kLooks));
  std::sort(late.begin(), late.end());
  EXPECT_GE(late.front(), absl::ZeroDuration()) << "an answer came too early";
  EXPECT_LE(late[kLooks / 2], kMostLate)
      << "from " << late.front() << " to " << late.back();
}

void ExpectExpired(OpenCall& call, v1::Executed executed) {
  ExpectFailure(call, absl::StatusCode::kDeadlineExceeded, v1::REASON_EXPIRED,
                executed);
}

// Most of these calls have no deadline of their own but the server's
// default_timeout: a client's timer would answer them by itself.
class DeadlineTest : public LaneTest {
 protected:
  // Begins an Add whose worker is held, and returns how long after `timeout`
  // its answer came.
  absl::Duration LateAnswer(absl::Duration timeout) {
    HeldWorker held(channel());
    const auto begun = std::chrono::steady_clock::now();
    OpenCall add(channel(), kAdd, AddOf("a"));
    ExpectExpired(add, v1::EXECUTED_NO);
    return absl::FromChrono(add.answered_at() - begun) - timeout;
  }
};

INSTANTIATE_TEST_SUITE_P(, DeadlineTest, ::testing::Bool(), TransportName);

TEST_P(DeadlineTest, AnswersWhatWaitsForAHeldWorkerInTimeAndNeverRunsIt) {
  const absl::Duration timeout = absl::Milliseconds(20);
  Start({.workers = 1, .default_timeout = timeout});
  std::vector<absl::Duration> late;
  for (int i = 0; i < kLooks; ++i) {
    late.push_back(LateAnswer(timeout));
    AwaitHeld(0);  // The worker has let go of it: the lane is empty again.
  }
  ExpectInTime(late);
  EXPECT_EQ(adds_begun(), 0);
  EXPECT_EQ(Lane().counts.expired, static_cast<uint64_t>(kLooks));
  EXPECT_EQ(Lane().counts.expired_running, 0u);
}

TEST_P(DeadlineTest, TellsARunningHandlerInTime) {
  std::vector<absl::Duration> late;
  on_add_ = [&](const auto&, auto*, CallContext& context) {
    while (!context.cancelled()) std::this_thread::yield();
    late.push_back(-context.time_left());
    return absl::OkStatus();
  };
  Start({.workers = 1, .default_timeout = absl::Milliseconds(20)});
  // On a busy machine one may expire before it runs, and looks at nothing.
  while (adds_begun() < kLooks) {
    OpenCall add(channel(), kAdd, AddOf("a"));
    EXPECT_EQ(add.Await().code(), absl::StatusCode::kDeadlineExceeded);
    AwaitHeld(0);
  }
  test().Stop();  // The worker has left `late`.
  ExpectInTime(late);
}

TEST_P(DeadlineTest, NeverRunsWhatTheWorkerHasTakenButNotBegun) {
  // Long enough for the second call to be let in behind a held worker.
  Start({.workers = 1, .default_timeout = absl::Seconds(1)});
  HeldWorker held(channel());
  OpenCall first(channel(), kAdd, AddOf("a"), {.timeout = absl::Hours(1)});
  AwaitWaiting(1);
  OpenCall second(channel(), kAdd, AddOf("a"));
  AwaitWaiting(2);
  held.Release();
  gate_.AwaitArrivals(1);
  // Both were taken out of the list together, as one run handles them.
  EXPECT_EQ(Lane().listed_calls, 0);
  ExpectExpired(second, v1::EXECUTED_NO);
  EXPECT_EQ(Lane().held_calls, 2);
  gate_.Open();
  EXPECT_TRUE(first.Await().ok());
  AwaitHeld(0);
  EXPECT_EQ(adds_begun(), 1);
}

TEST_P(DeadlineTest,
       AnswersARunningCallAndCountsItAsAbandonedUntilItsHandlerEnds) {
  on_add_ = [&](const auto&, auto*, CallContext& context) {
    EXPECT_FALSE(context.cancelled());
    gate_.Pass();
    EXPECT_TRUE(context.cancelled());
    EXPECT_LT(context.time_left(), absl::ZeroDuration());
    return absl::OkStatus();
  };
  // Long enough for the handler to begin.
  Start({.workers = 1, .default_timeout = absl::Milliseconds(500)});
  OpenCall add(channel(), kAdd, AddOf("a"));
  ExpectExpired(add, v1::EXECUTED_MAYBE);
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
  EXPECT_EQ(lane.counts.answered(), 1u);
}

TEST_P(DeadlineTest, AnswersAClientWhoseOwnDeadlinePasses) {
  Start({.workers = 1});
  HeldWorker held(channel());
  OpenCall add(channel(), kAdd, AddOf("a"),
               {.timeout = absl::Milliseconds(20)});
  EXPECT_EQ(add.Await().code(), absl::StatusCode::kDeadlineExceeded);
  // The client's timer may be the first to say so, and then cancels the call.
  AwaitAnswered(1);
  EXPECT_EQ(Lane().counts.expired + Lane().counts.cancelled, 1u);
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
    ExpectExpired(add, v1::EXECUTED_NO);
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
  Start({.workers = 1,
         .lane_capacity = kCapacity,
         .default_timeout = absl::Milliseconds(50)});
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
  OpenCall add(channel(), kAdd, AddOf("a"));
  EXPECT_TRUE(add.Await().ok());
}

}  // namespace
}  // namespace pinion
