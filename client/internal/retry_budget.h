// SPDX-License-Identifier: Apache-2.0
//
// RetryBudget: whether and when a failed call is retried.
//
// Threads: one at a time; its owner locks it.
// Source:  the budget is the rule of gRPC's retryThrottling (gRFC A6).
// Example: if (auto wait = budget.BackoffBefore(attempt, failure, time_left)) {
//            TryAgainAfter(*wait);
//          }
#ifndef PINION_CLIENT_INTERNAL_RETRY_BUDGET_H_
#define PINION_CLIENT_INTERNAL_RETRY_BUDGET_H_

#include <chrono>
#include <optional>
#include <random>

#include "pinion/client/client_options.h"
#include "pinion/v1/failure.pb.h"

namespace pinion::client_internal {

class RetryBudget {
 public:
  explicit RetryBudget(const RetryOptions& options);

  // Reports that `calls` calls have succeeded.
  void Succeeded(int calls);

  // Reports that a call failed in attempt number `attempts`. Returns the
  // backoff before the next attempt, always below `time_left`; none if the call
  // must not be retried.
  std::optional<std::chrono::nanoseconds> BackoffBefore(
      int attempts, const v1::Failure& failure,
      std::chrono::nanoseconds time_left);

  // The backoff after `failures` failures in a row.
  std::chrono::nanoseconds Backoff(int failures);

 private:
  const RetryOptions options_;
  double tokens_;
  std::minstd_rand random_{std::random_device()()};
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_RETRY_BUDGET_H_
