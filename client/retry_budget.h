// SPDX-License-Identifier: Apache-2.0
//
// RetryBudget: whether and when a failed call is tried again.
//
// Threads: one at a time; its owner locks it.
// Source:  the budget is the rule of gRPC's retryThrottling (gRFC A6).
// Example: if (auto rest = budget.RestBefore(attempt, failure, time_left)) {
//            TryAgainAfter(*rest);
//          }
#ifndef PINION_CLIENT_RETRY_BUDGET_H_
#define PINION_CLIENT_RETRY_BUDGET_H_

#include <chrono>
#include <optional>
#include <random>

#include "client/client_options.h"
#include "pinion/v1/failure.pb.h"

namespace pinion::client_internal {

class RetryBudget {
 public:
  explicit RetryBudget(const RetryOptions& options);

  // `calls` calls have succeeded.
  void Succeeded(int calls);

  // A call that was tried `attempts` times failed so. How long to rest before
  // it is tried again; nothing: it is not to be. Never `time_left` or more.
  std::optional<std::chrono::nanoseconds> RestBefore(
      int attempts, const v1::Failure& failure,
      std::chrono::nanoseconds time_left);

  // How long to rest after `failures` failures in a row.
  std::chrono::nanoseconds Rest(int failures);

 private:
  const RetryOptions options_;
  double tokens_;
  std::minstd_rand random_{std::random_device()()};
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_RETRY_BUDGET_H_
