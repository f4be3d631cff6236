// SPDX-License-Identifier: Apache-2.0
#include "client/client_options.h"

#include "absl/strings/str_cat.h"

namespace pinion::client_internal {
namespace {

constexpr int kMostSessions = 64;
constexpr int kMostAttempts = 100;
constexpr double kMostTokens = 1000;

template <typename T>
absl::Status OutOfRange(absl::string_view what, const T& value,
                        absl::string_view valid) {
  return absl::InvalidArgumentError(absl::StrCat(
      "ClientOptions::", what, " is ", value, "; valid are ", valid));
}

absl::Status CheckRetry(const RetryOptions& retry) {
  if (retry.most_attempts < 1 || retry.most_attempts > kMostAttempts) {
    return OutOfRange("retry.most_attempts", retry.most_attempts, "1 to 100");
  }
  if (retry.first_rest <= absl::ZeroDuration()) {
    return OutOfRange("retry.first_rest",
                      absl::FormatDuration(retry.first_rest), "above 0");
  }
  if (retry.longest_rest < retry.first_rest) {
    return OutOfRange("retry.longest_rest",
                      absl::FormatDuration(retry.longest_rest),
                      "first_rest and up");
  }
  if (!(retry.most_tokens >= 1 && retry.most_tokens <= kMostTokens)) {
    return OutOfRange("retry.most_tokens", retry.most_tokens, "1 to 1000");
  }
  if (!(retry.token_ratio > 0 && retry.token_ratio <= 1)) {
    return OutOfRange("retry.token_ratio", retry.token_ratio,
                      "above 0, at most 1");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckClientOptions(const ClientOptions& options) {
  if (options.sessions < 1 || options.sessions > kMostSessions) {
    return OutOfRange("sessions", options.sessions, "1 to 64");
  }
  if (options.connect_timeout < absl::ZeroDuration()) {
    return OutOfRange("connect_timeout",
                      absl::FormatDuration(options.connect_timeout),
                      "0 and up");
  }
  if (options.verdict_timeout < absl::ZeroDuration()) {
    return OutOfRange("verdict_timeout",
                      absl::FormatDuration(options.verdict_timeout),
                      "0 and up");
  }
  if (options.most_waiting_bytes <= 0) {
    return OutOfRange("most_waiting_bytes", options.most_waiting_bytes,
                      "above 0");
  }
  return CheckRetry(options.retry);
}

}  // namespace pinion::client_internal
