// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/account.h"

#include <cstdint>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

using Event = Account::Event;
using Was = Fate::Was;

TEST(AccountTest, CountsByWorkerAndByMethod) {
  Account account(/*workers=*/2, /*methods=*/2);
  account.Count(0, 0, Event::kAccepted);
  account.Count(1, 0, Event::kAccepted);
  account.Count(1, 1, Event::kAccepted);
  account.Count(1, 1, Event::kClaimed);
  account.CountError(1, 1, absl::StatusCode::kNotFound);
  EXPECT_EQ(account.OfWorker(0).accepted, 1u);
  EXPECT_EQ(account.OfWorker(1).accepted, 2u);
  EXPECT_EQ(account.OfWorker(1).error, 1u);
  EXPECT_EQ(account.OfWorker(1).waiting, 1u);
  EXPECT_EQ(account.OfMethod(0).accepted, 2u);
  EXPECT_EQ(account.OfMethod(0).answered(), 0u);
  EXPECT_EQ(account.OfMethod(1).error, 1u);
}

TEST(AccountTest, WhatWasRefusedBeforeItWasRoutedIsTheMethodsButNoWorkers) {
  Account account(/*workers=*/2, /*methods=*/1);
  account.CountRefused(-1, 0, v1::REASON_BAD_REQUEST);
  account.CountRefused(1, 0, v1::REASON_LANE_FULL);
  EXPECT_EQ(account.Unrouted().refused[v1::REASON_BAD_REQUEST], 1u);
  EXPECT_EQ(account.Unrouted().refusals(), 1u);
  EXPECT_EQ(account.OfWorker(0).refusals(), 0u);
  EXPECT_EQ(account.OfWorker(1).refused[v1::REASON_LANE_FULL], 1u);
  EXPECT_EQ(account.OfMethod(0).refusals(), 2u);
  EXPECT_EQ(account.OfMethod(0).accepted, 0u);
}

TEST(AccountTest, ACallThatIsRevokedWhileItRunsIsAbandonedUntilItsHandlerEnds) {
  for (const RevokeReason reason :
       {RevokeReason::kExpired, RevokeReason::kCancelled,
        RevokeReason::kStopped}) {
    Account account(/*workers=*/1, /*methods=*/1);
    account.Count(0, 0, Event::kAccepted);
    EXPECT_EQ(account.OfWorker(0).waiting, 1u);
    account.Count(0, 0, Event::kClaimed);
    EXPECT_EQ(account.OfWorker(0).running, 1u);
    account.CountRevoked(0, 0, reason, Was::kRunning);
    EXPECT_EQ(account.OfWorker(0).running, 0u);
    EXPECT_EQ(account.OfWorker(0).abandoned, 1u);
    EXPECT_EQ(account.OfWorker(0).answered(), 1u);
    account.Count(0, 0, Event::kLateEnd);
    EXPECT_EQ(account.OfWorker(0).abandoned, 0u);
  }
}

TEST(AccountTest, AStreamThatIsRevokedWhileItIsOpenIsNotAbandoned) {
  for (const RevokeReason reason :
       {RevokeReason::kExpired, RevokeReason::kCancelled,
        RevokeReason::kStopped}) {
    Account account(/*workers=*/1, /*methods=*/1);
    account.Count(0, 0, Event::kAccepted);
    account.Count(0, 0, Event::kClaimed);
    account.CountRevoked(0, 0, reason, Was::kHeld);
    const CallCounts counts = account.OfWorker(0);
    EXPECT_EQ(counts.waiting + counts.running + counts.abandoned, 0u);
    EXPECT_EQ(counts.answered(), 1u);
    EXPECT_EQ(counts.expired_running + counts.cancelled_running +
                  counts.stopped_running,
              1u)
        << "its handler had begun";
  }
}

TEST(AccountTest, ErrorsAreCountedByTheirCodeAndAddUp) {
  Account account(/*workers=*/2, /*methods=*/2);
  account.CountError(0, 1, absl::StatusCode::kNotFound);
  account.CountError(1, 1, absl::StatusCode::kNotFound);
  account.CountError(1, 1, absl::StatusCode::kUnauthenticated);
  account.CountError(1, 1, static_cast<absl::StatusCode>(99));
  const CallCounts counts = account.OfMethod(1);
  EXPECT_EQ(counts.error, 4u);
  EXPECT_EQ(counts.error_codes[5], 2u);
  EXPECT_EQ(counts.error_codes[16], 1u) << "the last one that there is";
  EXPECT_EQ(counts.error_codes[2], 1u) << "no code of gRPC's is UNKNOWN";
  EXPECT_EQ(account.OfMethod(0).error, 0u);
}

TEST(AccountTest, WhatATokenAndAPolicyEndHaveCountsOfTheirOwn) {
  Account account(/*workers=*/1, /*methods=*/1);
  for (const Was was : {Was::kWaiting, Was::kRunning, Was::kHeld}) {
    account.CountRevoked(0, 0, RevokeReason::kUnauthenticated, was);
    account.CountRevoked(0, 0, RevokeReason::kNotAllowed, was);
    account.CountRevoked(0, 0, RevokeReason::kExpired, was);
    account.CountRevoked(0, 0, RevokeReason::kStopped, was);
  }
  const CallCounts counts = account.OfWorker(0);
  EXPECT_EQ(counts.expired, 6u);
  EXPECT_EQ(counts.expired_tokens, 3u);
  EXPECT_EQ(counts.stopped, 6u);
  EXPECT_EQ(counts.stopped_by_policy, 3u);
}

TEST(AccountTest, EachReasonHasItsOwnCountOfThoseThatWaited) {
  Account account(/*workers=*/1, /*methods=*/1);
  const auto revoke = [&](RevokeReason reason, int times) {
    for (int i = 0; i < times; ++i) {
      account.Count(0, 0, Event::kAccepted);
      account.CountRevoked(0, 0, reason, Was::kWaiting);
    }
  };
  revoke(RevokeReason::kExpired, 1);
  revoke(RevokeReason::kCancelled, 2);
  revoke(RevokeReason::kStopped, 3);
  const CallCounts counts = account.OfWorker(0);
  EXPECT_EQ(counts.expired, 1u);
  EXPECT_EQ(counts.cancelled, 2u);
  EXPECT_EQ(counts.stopped, 3u);
  EXPECT_EQ(counts.expired_running + counts.cancelled_running +
                counts.stopped_running,
            0u);
  EXPECT_EQ(counts.waiting + counts.running + counts.abandoned, 0u);
}

// Threads that let calls in and answer each at once, one in each way after the
// other.
class AccountOrderTest : public ::testing::Test {
 protected:
  static constexpr int kThreads = 2;
  static constexpr uint64_t kCalls = 5'000'000;  // Of each.

  void LetInAndAnswer() {
    for (uint64_t call = 0; call < kCalls; ++call) {
      account_.Count(0, call % 2, Event::kAccepted);
      Answer(call);
    }
  }

  void Answer(uint64_t call) {
    const int method = call % 2;
    if (call % 3 == 0) {
      account_.CountRevoked(0, method, RevokeReason::kExpired, Was::kWaiting);
      return;
    }
    account_.Count(0, method, Event::kClaimed);
    if (call % 3 == 1) {
      account_.Count(0, method, Event::kOk);
      return;
    }
    account_.CountRevoked(0, method, RevokeReason::kCancelled, Was::kRunning);
    account_.Count(0, method, Event::kLateEnd);
  }

  Account account_{/*workers=*/1, /*methods=*/2};
};

TEST_F(AccountOrderTest, WhoReadsSeesNoAnswerWithoutTheAcceptanceOfItsCall) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this] { LetInAndAnswer(); });
  }
  CallCounts counts;
  bool answered_too_many = false, adds_up = true;
  while (counts.answered() < kThreads * kCalls) {
    counts = account_.OfWorker(0);
    answered_too_many |= counts.answered() > counts.accepted;
    adds_up &=
        counts.waiting + counts.running == counts.accepted - counts.answered();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(answered_too_many);
  EXPECT_TRUE(adds_up);
  counts = account_.OfWorker(0);
  EXPECT_EQ(counts.accepted, kThreads * kCalls);
  EXPECT_EQ(counts.waiting + counts.running + counts.abandoned, 0u);
}

}  // namespace
}  // namespace pinion
