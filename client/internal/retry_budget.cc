// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/retry_budget.h"

#include <algorithm>
#include <cmath>

namespace pinion::client_internal {
namespace {

using std::chrono::nanoseconds;

// Each backoff is longer or shorter by up to this part, so that clients that
// failed together do not come back together.
constexpr double kJitter = 0.2;

// A server that says "in a day" has refused; a call without a deadline would
// wait for as long as it says.
constexpr nanoseconds kLongestAdvice = std::chrono::minutes(1);

// Whether what was refused may be taken a little later, or elsewhere.
bool IsPassing(v1::Reason reason) {
  switch (reason) {
    case v1::REASON_LANE_FULL:
    case v1::REASON_LANE_STALLED:
    case v1::REASON_RATE_LIMITED:
    case v1::REASON_SERVER_FULL:
    case v1::REASON_SHARE_FULL:
    case v1::REASON_STOPPING:
    case v1::REASON_TOO_MANY_CALLS:
    case v1::REASON_WAIT_TOO_LONG:
      return true;
    default:
      return false;
  }
}

}  // namespace

RetryBudget::RetryBudget(const RetryOptions& options)
    : options_(options), tokens_(options.max_tokens) {}

void RetryBudget::Succeeded(int calls) {
  tokens_ =
      std::min(options_.max_tokens, tokens_ + calls * options_.token_ratio);
}

std::optional<nanoseconds> RetryBudget::BackoffBefore(
    int attempts, const v1::Failure& failure, nanoseconds time_left) {
  if (failure.executed() != v1::EXECUTED_NO || !IsPassing(failure.reason())) {
    return std::nullopt;
  }
  tokens_ = std::max(0.0, tokens_ - 1);
  if (attempts >= options_.max_attempts) return std::nullopt;
  if (tokens_ <= options_.max_tokens / 2) return std::nullopt;
  const nanoseconds advice = std::chrono::microseconds(
      std::min<uint64_t>(failure.retry_after_us(), INT64_MAX / 1000));
  const nanoseconds backoff = std::max(advice, Backoff(attempts));
  if (backoff >= time_left || advice > kLongestAdvice) return std::nullopt;
  return backoff;
}

nanoseconds RetryBudget::Backoff(int failures) {
  const double max = absl::ToDoubleNanoseconds(options_.max_backoff);
  const double backoff =
      std::min(max, absl::ToDoubleNanoseconds(options_.initial_backoff) *
                        std::pow(2, std::max(0, failures - 1)));
  std::uniform_real_distribution<double> jitter(1 - kJitter, 1 + kJitter);
  return nanoseconds(static_cast<int64_t>(backoff * jitter(random_)));
}

}  // namespace pinion::client_internal
