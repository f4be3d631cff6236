// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/client_options.h"

#include "absl/strings/str_cat.h"

namespace pinion::client_internal {
namespace {

constexpr int kMaxSessions = 64;
constexpr int kMaxAttempts = 100;
constexpr double kMaxTokens = 1000;
constexpr absl::Duration kShortestKeepaliveTime = absl::Milliseconds(100);
constexpr absl::Duration kShortestKeepaliveTimeout = absl::Milliseconds(10);

template <typename T>
absl::Status OutOfRange(absl::string_view what, const T& value,
                        absl::string_view valid) {
  return absl::InvalidArgumentError(absl::StrCat(
      "ClientOptions::", what, " is ", value, "; valid are ", valid));
}

absl::Status CheckRetry(const RetryOptions& retry) {
  if (retry.max_attempts < 1 || retry.max_attempts > kMaxAttempts) {
    return OutOfRange("retry.max_attempts", retry.max_attempts, "1 to 100");
  }
  if (retry.initial_backoff <= absl::ZeroDuration()) {
    return OutOfRange("retry.initial_backoff",
                      absl::FormatDuration(retry.initial_backoff), "above 0");
  }
  if (retry.max_backoff < retry.initial_backoff) {
    return OutOfRange("retry.max_backoff",
                      absl::FormatDuration(retry.max_backoff),
                      "initial_backoff and up");
  }
  if (!(retry.max_tokens >= 1 && retry.max_tokens <= kMaxTokens)) {
    return OutOfRange("retry.max_tokens", retry.max_tokens, "1 to 1000");
  }
  if (!(retry.token_ratio > 0 && retry.token_ratio <= 1)) {
    return OutOfRange("retry.token_ratio", retry.token_ratio,
                      "above 0, at most 1");
  }
  return absl::OkStatus();
}

absl::Status CheckTls(const ClientOptions& options) {
  if (!options.tls.has_value()) return absl::OkStatus();
  if (options.credentials != nullptr) {
    return absl::InvalidArgumentError(
        "ClientOptions::tls and ClientOptions::credentials are both set; set "
        "one of them");
  }
  const ClientTls& tls = *options.tls;
  if (tls.cert.empty() == tls.key.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      tls.key.empty()
          ? absl::StrCat("ClientOptions::tls.key is empty, and tls.cert is \"",
                         tls.cert, "\"; set both, or neither")
          : absl::StrCat("ClientOptions::tls.cert is empty, and tls.key is \"",
                         tls.key, "\"; set both, or neither"));
}

}  // namespace

absl::Status CheckClientOptions(const ClientOptions& options) {
  if (options.sessions < 1 || options.sessions > kMaxSessions) {
    return OutOfRange("sessions", options.sessions, "1 to 64");
  }
  if (options.connect_timeout < absl::ZeroDuration()) {
    return OutOfRange("connect_timeout",
                      absl::FormatDuration(options.connect_timeout),
                      "0 and up");
  }
  if (options.late_answer_timeout < absl::ZeroDuration()) {
    return OutOfRange("late_answer_timeout",
                      absl::FormatDuration(options.late_answer_timeout),
                      "0 and up");
  }
  if (options.keepalive_time < kShortestKeepaliveTime) {
    return OutOfRange("keepalive_time",
                      absl::FormatDuration(options.keepalive_time),
                      "100ms and up");
  }
  if (options.keepalive_timeout < kShortestKeepaliveTimeout) {
    return OutOfRange("keepalive_timeout",
                      absl::FormatDuration(options.keepalive_timeout),
                      "10ms and up");
  }
  if (options.token_refresh < absl::Milliseconds(1)) {
    return OutOfRange("token_refresh",
                      absl::FormatDuration(options.token_refresh),
                      "1ms and up");
  }
  if (options.max_waiting_bytes <= 0) {
    return OutOfRange("max_waiting_bytes", options.max_waiting_bytes,
                      "above 0");
  }
  absl::Status status = CheckTls(options);
  if (status.ok()) status = CheckRetry(options.retry);
  return status;
}

}  // namespace pinion::client_internal
