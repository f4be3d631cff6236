// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/credit.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/server/testing/seed.h"

namespace pinion {
namespace {

using ::pinion::testing::Seed;
using Grant = Credit::Grant;

TEST(CreditTest, GrantsUpToBothBoundsAndSaysWhichIsReached) {
  Credit credit(/*max_calls=*/3, /*max_bytes=*/100);
  EXPECT_EQ(credit.Reserve(1, 101), Grant::kTooManyBytes);
  EXPECT_EQ(credit.Reserve(1, 100), Grant::kGranted);
  EXPECT_EQ(credit.Reserve(1, 1), Grant::kTooManyBytes);
  EXPECT_EQ(credit.Reserve(2, 0), Grant::kGranted);
  EXPECT_EQ(credit.Reserve(1, 0), Grant::kTooManyCalls);
  credit.Return(3, 100);
  EXPECT_EQ(credit.Reserve(3, 100), Grant::kGranted);
}

TEST(CreditTest, GrantsAllOfWhatIsAskedTogetherOrNone) {
  Credit credit(/*max_calls=*/3, /*max_bytes=*/100);
  EXPECT_EQ(credit.Reserve(4, 10), Grant::kTooManyCalls);
  EXPECT_EQ(credit.Reserve(2, 110), Grant::kTooManyBytes);
  EXPECT_EQ(credit.calls(), 0);
  EXPECT_EQ(credit.bytes(), 0);
}

TEST(CreditTest, GivesAPartyNoMoreCallsThanItLeavesFree) {
  Credit credit(/*max_calls=*/9, /*max_bytes=*/100);
  Holding greedy, other;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(credit.Reserve(1, 0, &greedy), Grant::kGranted);
  }
  EXPECT_EQ(credit.Reserve(1, 0, &greedy), Grant::kShareOfCalls);
  EXPECT_EQ(credit.Reserve(2, 0, &other), Grant::kGranted);
  EXPECT_EQ(credit.Reserve(1, 0, &greedy), Grant::kShareOfCalls);
  credit.Return(4, 0, &greedy);
  EXPECT_EQ(greedy.Look().calls(), 1);
  EXPECT_EQ(credit.Reserve(1, 0, &greedy), Grant::kGranted);
}

TEST(CreditTest, LetsInTogetherWhatItWouldLetInOneByOne) {
  for (int together = 1; together <= 12; ++together) {
    Credit one_by_one(/*max_calls=*/12, /*max_bytes=*/100);
    Holding party;
    int alone = 0;
    while (alone < together &&
           one_by_one.Reserve(1, 0, &party) == Grant::kGranted) {
      ++alone;
    }
    Credit at_once(/*max_calls=*/12, /*max_bytes=*/100);
    Holding other;
    EXPECT_EQ(at_once.Reserve(together, 0, &other) == Grant::kGranted,
              alone == together)
        << together;
  }
}

TEST(CreditTest, GivesAPartyNoMoreBytesThanItLeavesFree) {
  Credit credit(/*max_calls=*/100, /*max_bytes=*/100);
  Holding greedy, other;
  EXPECT_EQ(credit.Reserve(1, 50, &greedy), Grant::kGranted);
  EXPECT_EQ(credit.Reserve(1, 1, &greedy), Grant::kShareOfBytes);
  EXPECT_EQ(credit.Reserve(1, 26, &other), Grant::kShareOfBytes);
  EXPECT_EQ(credit.Reserve(1, 25, &other), Grant::kGranted);
  credit.Return(1, 50, &greedy);
  EXPECT_EQ(credit.Reserve(1, 37, &greedy), Grant::kGranted);
}

TEST(CreditTest, WhoComesNewFindsRoomBesideAnyNumberOfGreedyParties) {
  constexpr int kGreedy = 50;
  Credit credit(/*max_calls=*/10'000, /*max_bytes=*/100'000'000);
  std::deque<Holding> greedy(kGreedy);
  // Each in turn, until none gets any more.
  for (bool any = true; any;) {
    any = false;
    for (Holding& party : greedy) {
      any |= credit.Reserve(1, 10'000, &party) == Grant::kGranted;
    }
  }
  Holding other;
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(credit.Reserve(1, 10'000, &other), Grant::kGranted) << i;
  }
}

TEST(CreditTest, AnEmptyOneKeepsOutNothingThatFits) {
  Credit credit(/*max_calls=*/1, /*max_bytes=*/100);
  Holding party;
  EXPECT_EQ(credit.Reserve(1, 100, &party), Grant::kGranted);
  EXPECT_EQ(credit.Reserve(0, 1, &party), Grant::kTooManyBytes);
}

TEST(CreditTest, WhatIsThereAlreadyMayBeBeyondTheShareButNotBeyondTheBound) {
  Credit credit(/*max_calls=*/10, /*max_bytes=*/100);
  Holding party;
  ASSERT_EQ(credit.Reserve(1, 50, &party), Grant::kGranted);
  EXPECT_TRUE(credit.ReserveBeyondShare(50, &party));
  EXPECT_EQ(party.Look().bytes(), 100);
  EXPECT_FALSE(credit.ReserveBeyondShare(1, &party));
  EXPECT_EQ(party.Look().bytes(), 100);
}

TEST(CreditTest, KnowsTheMostThatItHeldAtATime) {
  Credit credit(/*max_calls=*/10, /*max_bytes=*/100);
  EXPECT_EQ(credit.Reserve(2, 60), Grant::kGranted);
  credit.Return(2, 60);
  EXPECT_EQ(credit.Reserve(3, 10), Grant::kGranted);
  EXPECT_EQ(credit.Reserve(11, 1), Grant::kTooManyCalls);
  EXPECT_EQ(credit.most_calls(), 3);
  EXPECT_EQ(credit.most_bytes(), 60);
}

TEST(CreditTest, TheLargestBoundsDoNotMix) {
  Credit credit(Credit::kMaxCalls, Credit::kMaxBytes);
  ASSERT_EQ(credit.Reserve(Credit::kMaxCalls, Credit::kMaxBytes),
            Grant::kGranted);
  EXPECT_EQ(credit.calls(), Credit::kMaxCalls);
  EXPECT_EQ(credit.bytes(), Credit::kMaxBytes);
  EXPECT_EQ(credit.Reserve(1, 0), Grant::kTooManyCalls);
  EXPECT_EQ(credit.Reserve(0, 1), Grant::kTooManyBytes);
  credit.Return(Credit::kMaxCalls, Credit::kMaxBytes);
  EXPECT_EQ(credit.calls(), 0);
  EXPECT_EQ(credit.bytes(), 0);
}

// Reserves and returns at random, and notes what it holds while it does.
struct Holder {
  void Try() {
    const int64_t more_calls = 1 + static_cast<int64_t>(random() % 4);
    const int64_t more_bytes = static_cast<int64_t>(random() % 400);
    if (credit.Reserve(more_calls, more_bytes) != Grant::kGranted) return;
    too_many |= calls.fetch_add(more_calls) + more_calls > credit.max_calls();
    too_many |= bytes.fetch_add(more_bytes) + more_bytes > credit.max_bytes();
    if (random() % 64 == 0) std::this_thread::yield();
    calls.fetch_sub(more_calls);
    bytes.fetch_sub(more_bytes);
    credit.Return(more_calls, more_bytes);
    ++granted;
  }

  Credit& credit;
  std::atomic<int64_t>& calls;
  std::atomic<int64_t>& bytes;
  std::mt19937_64 random;
  bool too_many = false;
  int granted = 0;
};

TEST(CreditTest, TheBoundsHoldUnderManyThreads) {
  constexpr int kThreads = 4, kTries = 300'000;
  const Seed seed;
  Credit credit(/*max_calls=*/7, /*max_bytes=*/700);
  std::atomic<int64_t> calls{0}, bytes{0};
  std::vector<Holder> holders;
  for (int i = 0; i < kThreads; ++i) {
    holders.push_back({.credit = credit,
                       .calls = calls,
                       .bytes = bytes,
                       .random = std::mt19937_64(seed.value() + i)});
  }
  std::vector<std::thread> threads;
  for (Holder& holder : holders) {
    threads.emplace_back([&holder] {
      for (int i = 0; i < kTries; ++i) holder.Try();
    });
  }
  for (std::thread& thread : threads) thread.join();
  int granted = 0;
  for (const Holder& holder : holders) {
    EXPECT_FALSE(holder.too_many);
    granted += holder.granted;
  }
  EXPECT_GT(granted, 0);  // At least what was asked for first.
  EXPECT_EQ(credit.calls(), 0);
  EXPECT_EQ(credit.bytes(), 0);
}

}  // namespace
}  // namespace pinion
