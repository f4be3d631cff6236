// SPDX-License-Identifier: Apache-2.0
#include "server/credit.h"

#include <atomic>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "server/testing/seed.h"

namespace pinion {
namespace {

using ::pinion::testing::Seed;
using Grant = Credit::Grant;

TEST(CreditTest, GrantsUpToBothBoundsAndSaysWhichIsReached) {
  Credit credit(/*most_calls=*/3, /*most_bytes=*/100);
  EXPECT_EQ(credit.Reserve(1, 101), Grant::kTooManyBytes);
  EXPECT_EQ(credit.Reserve(1, 100), Grant::kGranted);
  EXPECT_EQ(credit.Reserve(1, 1), Grant::kTooManyBytes);
  EXPECT_EQ(credit.Reserve(2, 0), Grant::kGranted);
  EXPECT_EQ(credit.Reserve(1, 0), Grant::kTooManyCalls);
  credit.Return(3, 100);
  EXPECT_EQ(credit.Reserve(3, 100), Grant::kGranted);
}

TEST(CreditTest, GrantsAllOfWhatIsAskedTogetherOrNone) {
  Credit credit(/*most_calls=*/3, /*most_bytes=*/100);
  EXPECT_EQ(credit.Reserve(4, 10), Grant::kTooManyCalls);
  EXPECT_EQ(credit.Reserve(2, 110), Grant::kTooManyBytes);
  EXPECT_EQ(credit.calls(), 0);
  EXPECT_EQ(credit.bytes(), 0);
}

TEST(CreditTest, WhatIsChargedOverTheBoundKeepsOthersOut) {
  Credit credit(/*most_calls=*/3, /*most_bytes=*/100);
  ASSERT_EQ(credit.Reserve(1, 90), Grant::kGranted);
  credit.Charge(1000);
  EXPECT_EQ(credit.bytes(), 1090);
  EXPECT_EQ(credit.calls(), 1);
  EXPECT_EQ(credit.Reserve(1, 0), Grant::kTooManyBytes);
  credit.Return(1, 1090);
  EXPECT_EQ(credit.Reserve(1, 100), Grant::kGranted);
}

TEST(CreditTest, TheLargestBoundsDoNotMix) {
  Credit credit(Credit::kMaxCalls, Credit::kMaxBytes);
  ASSERT_EQ(credit.Reserve(Credit::kMaxCalls, Credit::kMaxBytes),
            Grant::kGranted);
  credit.Charge(Credit::kMaxBytes);
  EXPECT_EQ(credit.calls(), Credit::kMaxCalls);
  EXPECT_EQ(credit.bytes(), 2 * Credit::kMaxBytes);
  EXPECT_EQ(credit.Reserve(1, 0), Grant::kTooManyCalls);
  EXPECT_EQ(credit.Reserve(0, 1), Grant::kTooManyBytes);
  credit.Return(Credit::kMaxCalls, 2 * Credit::kMaxBytes);
  EXPECT_EQ(credit.calls(), 0);
  EXPECT_EQ(credit.bytes(), 0);
}

// Reserves and returns at random, and notes what it holds while it does.
struct Holder {
  void Try() {
    const int64_t more_calls = 1 + static_cast<int64_t>(random() % 4);
    const int64_t more_bytes = static_cast<int64_t>(random() % 400);
    if (credit.Reserve(more_calls, more_bytes) != Grant::kGranted) return;
    too_many |= calls.fetch_add(more_calls) + more_calls > credit.most_calls();
    too_many |= bytes.fetch_add(more_bytes) + more_bytes > credit.most_bytes();
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
  Credit credit(/*most_calls=*/7, /*most_bytes=*/700);
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
