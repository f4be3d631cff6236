// SPDX-License-Identifier: Apache-2.0
//
// The account of a server's calls, at rest and under a load that ends calls in
// all ways at once; in-process and over TCP.
#include <atomic>
#include <chrono>
#include <deque>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing/seed.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/sanitized.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::kCounter;
using ::pinion::testing::kTimesSlower;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::OpenCallOptions;
using ::pinion::testing::Seed;
using ::pinion::testing::TransportName;

// What came of calls, as their clients saw it.
struct Seen {
  uint64_t ok = 0;
  uint64_t error = 0;
  uint64_t refused = 0;  // By the server, for want of room or time.
  uint64_t other = 0;    // Expired or cancelled, here or there.

  void Count(OpenCall& call) {
    const absl::Status& status = call.Await();
    ++(status.ok()                                             ? ok
       : call.failure().reason() == v1::REASON_HANDLER         ? error
       : status.code() == absl::StatusCode::kResourceExhausted ? refused
                                                               : other);
  }
};

class AccountUnderLoadTest : public LaneTest {
 protected:
  static constexpr int kLaneCalls = 20;

  // Checks the snapshots of a server under load until told to end.
  void Watch(const std::atomic<bool>& ended) {
    while (!ended) {
      const ServerSnapshot snapshot = server().Snapshot();
      for (const LaneSnapshot& lane : snapshot.lanes) CheckLane(lane);
      for (const MethodSnapshot& method : snapshot.methods) {
        CheckSums(method.counts);
      }
      EXPECT_GE(snapshot.held_calls, 0);
      EXPECT_GE(snapshot.held_bytes, 0);
    }
  }

  // Makes `count` calls, some 16 at a time, of which some run long, some fail,
  // some have little time and some are cancelled.
  Seen Load(uint64_t seed, int count) {
    std::mt19937_64 random(seed);
    Seen seen;
    std::deque<OpenCall> open;
    for (int i = 0; i < count; ++i) {
      OpenCallOptions options;
      if (random() % 4 == 0) {
        options.timeout = absl::Microseconds(random() % 5000);
      }
      open.emplace_back(channel(), kAdd,
                        AddOf(absl::StrCat(random() % 100),
                              static_cast<int64_t>(random() % 100)),
                        options);
      if (random() % 8 == 0) open[random() % open.size()].Cancel();
      if (open.size() < 16) continue;
      seen.Count(open.front());
      open.pop_front();
    }
    for (OpenCall& call : open) seen.Count(call);
    return seen;
  }

 private:
  static void CheckSums(const CallCounts& counts) {
    ASSERT_GE(counts.accepted, counts.answered());
    EXPECT_EQ(counts.waiting + counts.running,
              counts.accepted - counts.answered());
  }
  static void CheckLane(const LaneSnapshot& lane) {
    CheckSums(lane.counts);
    EXPECT_LE(lane.counts.accepted - lane.counts.answered(),
              static_cast<uint64_t>(kLaneCalls));
    EXPECT_GE(lane.held_calls, 0);
    EXPECT_LE(lane.held_calls, kLaneCalls);
    EXPECT_GE(lane.held_bytes, 0);
    EXPECT_LE(lane.listed_calls, kLaneCalls);
  }
};

INSTANTIATE_TEST_SUITE_P(, AccountUnderLoadTest, ::testing::Bool(),
                         TransportName);

// How long a handler runs that does.
constexpr absl::Duration kRun = absl::Milliseconds(3);

void SpinFor(absl::Duration span) {
  const auto end =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(span);
  while (std::chrono::steady_clock::now() < end) {
  }
}

// What a handler of the load does with a number below 100.
absl::Status Vary(int64_t by) {
  if (by < 10) return absl::AbortedError("one of ten");
  if (by > 97) SpinFor(kRun);
  return absl::OkStatus();
}

TEST_P(AccountUnderLoadTest, AddsUpWheneverItIsLookedAtUnderARandomLoad) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 3000 / kTimesSlower;  // Of each.
  const Seed seed;
  on_add_ = [](const auto& request, auto*, CallContext&) {
    return Vary(request.by());
  };
  Start({.workers = 2, .io_threads = 2, .lane_calls = kLaneCalls});
  std::atomic<bool> ended{false};
  std::thread watcher([&] { Watch(ended); });
  std::vector<Seen> seen(kThreads);
  std::deque<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { seen[i] = Load(seed.value() + i, kCalls); });
  }
  for (std::thread& thread : threads) thread.join();
  ended = true;
  watcher.join();

  test().Stop();  // Finds the account in order.
  CallCounts total;
  for (const LaneSnapshot& lane : server().Snapshot().lanes) {
    if (lane.service != kCounter) continue;
    total.accepted += lane.counts.accepted;
    total.ok += lane.counts.ok;
    total.error += lane.counts.error;
    total.refused[0] += lane.counts.refusals();
  }
  Seen all;
  for (const Seen& one : seen) {
    all.ok += one.ok;
    all.error += one.error;
    all.refused += one.refused;
    all.other += one.other;
  }
  EXPECT_EQ(all.ok + all.error + all.refused + all.other,
            static_cast<uint64_t>(kThreads * kCalls));
  // What a client saw happened; what happened a client may have given up.
  EXPECT_LE(all.ok, total.ok);
  EXPECT_LE(all.error, total.error);
  EXPECT_LE(all.refused, total.refused[0]);
  EXPECT_LE(total.accepted + total.refused[0],
            static_cast<uint64_t>(kThreads * kCalls));
  EXPECT_GT(all.ok, 0u);
  EXPECT_GT(all.other, 0u);
}

TEST_P(AccountUnderLoadTest, TellsHowLongCallsWaitedAndRan) {
  constexpr int kCalls = 10;
  on_add_ = [](const auto&, auto*, CallContext&) {
    SpinFor(kRun);
    return absl::OkStatus();
  };
  Start({.workers = 1});
  HeldWorker held(channel());
  const absl::Time begun = absl::Now();
  std::deque<OpenCall> adds;
  for (int i = 0; i < kCalls; ++i) {
    adds.emplace_back(channel(), kAdd, AddOf("a"));
  }
  AwaitWaiting(kCalls);
  held.Release();
  for (OpenCall& add : adds) EXPECT_TRUE(add.Await().ok());
  const absl::Duration whole = absl::Now() - begun;
  test().Stop();
  for (const MethodSnapshot& method : server().Snapshot().methods) {
    if (method.method != kAdd) continue;
    for (const LatencySummary* latency :
         {&method.waited, &method.woken_late, &method.ran}) {
      EXPECT_EQ(latency->count(), static_cast<uint64_t>(kCalls));
    }
    EXPECT_GE(absl::Nanoseconds(method.ran.mean_ns()), kRun);
    // On average a call waits for the half of the others to run.
    EXPECT_GE(absl::Nanoseconds(method.waited.mean_ns()),
              kRun * (kCalls - 1) / 2);
    EXPECT_GE(whole, absl::Nanoseconds(method.waited.mean_ns() +
                                       method.ran.mean_ns()));
    // The worker was awake, held, when they came.
    EXPECT_EQ(method.woken_late.Percentile(1), 0u);
  }
}

}  // namespace
}  // namespace pinion
