// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/retry_budget.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/v1/failure.pb.h"

namespace pinion::client_internal {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

v1::Failure FailureOf(v1::Reason reason, v1::Executed executed,
                      uint64_t retry_after_us = 0) {
  v1::Failure failure;
  failure.set_reason(reason);
  failure.set_executed(executed);
  failure.set_retry_after_us(retry_after_us);
  return failure;
}

const v1::Failure kFull = FailureOf(v1::REASON_LANE_FULL, v1::EXECUTED_NO);

TEST(RetryBudgetTest, RestsTwiceAsLongEachTimeUpToTheLongest) {
  RetryBudget budget({.initial_backoff = absl::Milliseconds(10),
                      .max_backoff = absl::Milliseconds(100)});
  int millis = 10;
  for (int failures = 1; failures < 8; ++failures) {
    const nanoseconds backoff = budget.Backoff(failures);
    EXPECT_THAT(backoff, AllOf(Ge(microseconds(millis * 800)),
                               Le(microseconds(millis * 1200))))
        << failures;
    millis = std::min(100, millis * 2);
  }
}

TEST(RetryBudgetTest, RestsAsLongAsTheServerSays) {
  RetryBudget budget({});
  const auto backoff = budget.BackoffBefore(
      1, FailureOf(v1::REASON_LANE_FULL, v1::EXECUTED_NO, 5'000'000), hours(1));
  EXPECT_EQ(backoff, nanoseconds(std::chrono::seconds(5)));
}

TEST(RetryBudgetTest, DoesNotRestUntilTheDeadline) {
  RetryBudget budget({});
  const v1::Failure late =
      FailureOf(v1::REASON_LANE_FULL, v1::EXECUTED_NO, 5'000'000);
  EXPECT_FALSE(
      budget.BackoffBefore(1, late, std::chrono::seconds(5)).has_value());
}

TEST(RetryBudgetTest, DoesNotRestForMoreThanAMinuteWhateverTheServerSays) {
  RetryBudget budget({});
  for (const uint64_t micros : {uint64_t{60'000'001}, ~uint64_t{0}}) {
    const v1::Failure late =
        FailureOf(v1::REASON_LANE_FULL, v1::EXECUTED_NO, micros);
    EXPECT_FALSE(budget.BackoffBefore(1, late, nanoseconds::max()).has_value());
  }
  EXPECT_TRUE(
      budget
          .BackoffBefore(
              1, FailureOf(v1::REASON_LANE_FULL, v1::EXECUTED_NO, 60'000'000),
              nanoseconds::max())
          .has_value());
}

TEST(RetryBudgetTest, TakesUpOnlyWhatPassesAndDidNotRun) {
  const v1::Reason passing[] = {
      v1::REASON_LANE_FULL,     v1::REASON_LANE_STALLED,
      v1::REASON_SERVER_FULL,   v1::REASON_SHARE_FULL,
      v1::REASON_STOPPING,      v1::REASON_TOO_MANY_CALLS,
      v1::REASON_WAIT_TOO_LONG, v1::REASON_RATE_LIMITED};
  for (int reason = 0; reason < v1::Reason_ARRAYSIZE; ++reason) {
    const bool passes = std::find(std::begin(passing), std::end(passing),
                                  reason) != std::end(passing);
    for (const v1::Executed executed :
         {v1::EXECUTED_UNSPECIFIED, v1::EXECUTED_NO, v1::EXECUTED_MAYBE,
          v1::EXECUTED_YES}) {
      RetryBudget budget({});
      EXPECT_EQ(budget
                    .BackoffBefore(
                        1, FailureOf(static_cast<v1::Reason>(reason), executed),
                        hours(1))
                    .has_value(),
                passes && executed == v1::EXECUTED_NO)
          << reason << " " << executed;
    }
  }
}

TEST(RetryBudgetTest, EndsAtMaxAttempts) {
  RetryBudget budget({.max_attempts = 3});
  EXPECT_TRUE(budget.BackoffBefore(1, kFull, hours(1)).has_value());
  EXPECT_TRUE(budget.BackoffBefore(2, kFull, hours(1)).has_value());
  EXPECT_FALSE(budget.BackoffBefore(3, kFull, hours(1)).has_value());
}

TEST(RetryBudgetTest, StopsWhenHalfIsSpentUntilEnoughHasSucceeded) {
  RetryBudget budget({.max_tokens = 10, .token_ratio = 0.5});
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(budget.BackoffBefore(1, kFull, hours(1)).has_value()) << i;
  }
  // 5 of 10 are left.
  EXPECT_FALSE(budget.BackoffBefore(1, kFull, hours(1)).has_value());
  EXPECT_FALSE(budget.BackoffBefore(1, kFull, hours(1)).has_value());
  budget.Succeeded(5);  // 6.5, and the next failure takes 1.
  EXPECT_TRUE(budget.BackoffBefore(1, kFull, hours(1)).has_value());
  EXPECT_FALSE(budget.BackoffBefore(1, kFull, hours(1)).has_value());
}

TEST(RetryBudgetTest, HoldsNoMoreThanTheMost) {
  RetryBudget budget({.max_tokens = 2, .token_ratio = 1});
  budget.Succeeded(1000);
  EXPECT_FALSE(budget.BackoffBefore(1, kFull, hours(1)).has_value());
}

}  // namespace
}  // namespace pinion::client_internal
