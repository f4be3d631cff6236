// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/party/token_bucket.h"

#include <chrono>
#include <cstdint>

#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"

namespace pinion {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr TokenBucket::Rate kRate = {.per_second = 10, .burst = 5};

TEST(TokenBucketTest, GivesABurstAndThenItsRate) {
  FakeClock time;
  TokenBucket bucket(time.Now());
  EXPECT_EQ(bucket.Take(100, kRate, time.Now()), 5);
  EXPECT_EQ(bucket.Take(1, kRate, time.Now()), 0);
  time.Advance(milliseconds(99));
  EXPECT_EQ(bucket.Take(1, kRate, time.Now()), 0);
  EXPECT_EQ(bucket.UntilNext(kRate, time.Now()), milliseconds(1));
  time.Advance(milliseconds(1));
  EXPECT_EQ(bucket.UntilNext(kRate, time.Now()), nanoseconds(0));
  EXPECT_EQ(bucket.Take(2, kRate, time.Now()), 1);
}

TEST(TokenBucketTest, IsNeverMoreThanFull) {
  FakeClock time;
  TokenBucket bucket(time.Now());
  EXPECT_EQ(bucket.Take(5, kRate, time.Now()), 5);
  EXPECT_FALSE(bucket.IsFull(time.Now()));
  time.Advance(std::chrono::hours(1000));
  EXPECT_TRUE(bucket.IsFull(time.Now()));
  EXPECT_EQ(bucket.Take(100, kRate, time.Now()), 5);
}

TEST(TokenBucketTest, MayOweWhatIsTakenTogether) {
  FakeClock time;
  TokenBucket bucket(time.Now());
  EXPECT_TRUE(bucket.TakeAll(25, kRate, time.Now()));
  time.Advance(seconds(2));
  EXPECT_FALSE(bucket.TakeAll(1, kRate, time.Now()));
  EXPECT_EQ(bucket.UntilNext(kRate, time.Now()), milliseconds(100));
  time.Advance(milliseconds(100));
  EXPECT_TRUE(bucket.TakeAll(1, kRate, time.Now()));
}

TEST(TokenBucketTest, ARateThatChangesHoldsAtOnce) {
  FakeClock time;
  TokenBucket bucket(time.Now());
  EXPECT_EQ(bucket.Take(5, kRate, time.Now()), 5);
  constexpr TokenBucket::Rate kFaster = {.per_second = 1000, .burst = 1000};
  EXPECT_EQ(bucket.Take(2000, kFaster, time.Now()), 500);
}

TEST(TokenBucketTest, LargeRatesAndSpansDoNotOverflow) {
  FakeClock time;
  TokenBucket bucket(time.Now());
  constexpr TokenBucket::Rate kBytes = {.per_second = int64_t{1} << 40,
                                        .burst = int64_t{1} << 40};
  EXPECT_TRUE(bucket.TakeAll(int64_t{1} << 50, kBytes, time.Now()));
  EXPECT_FALSE(bucket.TakeAll(1, kBytes, time.Now()));
  EXPECT_LE(bucket.UntilNext(kBytes, time.Now()), seconds(1025));
  TokenBucket slow(time.Now());
  constexpr TokenBucket::Rate kSlow = {.per_second = 1, .burst = 1'000'000'000};
  EXPECT_EQ(slow.Take(1'000'000, kSlow, time.Now()), 1'000'000);
}

}  // namespace
}  // namespace pinion
