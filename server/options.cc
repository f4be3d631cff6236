// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/options.h"

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "pinion/core/work_list.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/listener/listen_address.h"
#include "pinion/server/party/trusted_proxies.h"

namespace pinion {
namespace {

absl::Status InRange(absl::string_view name, int64_t value, int64_t least,
                     int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, "; valid are ", least, " to ", most));
}

absl::Status InRange(absl::string_view name, absl::Duration value,
                     absl::Duration least, absl::Duration most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, " is ", absl::FormatDuration(value), "; valid are ",
      absl::FormatDuration(least), " to ", absl::FormatDuration(most)));
}

absl::Status ValidateAddress(const ListenOptions& options) {
  const absl::StatusOr<bool> local = IsLocalAddress(options.listen);
  if (!local.ok()) return local.status();
  if (*local || options.allow_unencrypted_public_traffic) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "listen is \"", options.listen,
      "\", which others can reach, and the traffic is not encrypted; listen on "
      "a loopback address, or set allow_unencrypted_public_traffic"));
}

absl::Status ShareInRange(absl::string_view name, double value) {
  if (value >= 0 && value <= 1)
    return absl::OkStatus();  // Not so if it is NaN.
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, "; valid are 0 to 1"));
}

absl::Status Positive(absl::string_view name, absl::Duration value) {
  if (value > absl::ZeroDuration()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", absl::FormatDuration(value),
                   "; valid is above 0, and inf for none"));
}

// The first that is not OK.
absl::Status FirstMistake(absl::Span<const absl::Status> checks) {
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const ListenOptions& options) {
  const absl::Status checks[] = {
      ValidateAddress(options),
      InRange("max_connections", options.max_connections, 1, 1'000'000),
      InRange("max_connections_per_address",
              options.max_connections_per_address, 0, 1'000'000),
      InRange("grpc_memory_bytes", options.grpc_memory_bytes, 16 << 20,
              int64_t{1} << 40),
      InRange("keepalive_time", options.keepalive_time, absl::Milliseconds(100),
              absl::Hours(1)),
      InRange("keepalive_timeout", options.keepalive_timeout,
              absl::Milliseconds(100), absl::Hours(1)),
      InRange("min_ping_interval", options.min_ping_interval,
              absl::ZeroDuration(), absl::Hours(1)),
  };
  return FirstMistake(checks);
}

absl::Status Validate(const HostingOptions& options) {
  const int64_t one_message = options.max_message_bytes;
  const absl::Status checks[] = {
      InRange("workers", options.workers, 0, 1 << 16),
      InRange("io_threads", options.io_threads, 0, 64),
      InRange("session_io_threads", options.session_io_threads, 0, 64),
      InRange("max_message_bytes", one_message, 1 << 10, 1 << 30),
      InRange("lane_calls", options.lane_calls, 1, WorkList::kMaxCapacity),
      InRange("lane_bytes", options.lane_bytes, one_message, Credit::kMaxBytes),
      InRange("lane_streams", options.lane_streams, 1, Credit::kMaxCalls),
      InRange("server_calls", options.server_calls, 1, Credit::kMaxCalls),
      // One request and its answer are at most half of it: a party's share.
      InRange("server_bytes", options.server_bytes, 4 * one_message,
              Credit::kMaxBytes),
      TrustedProxies::Parse(options.trusted_proxies).status(),
      InRange("session_calls", options.session_calls, 1, 1'000'000),
      InRange("session_bytes", options.session_bytes, one_message,
              Credit::kMaxBytes),
      InRange("stream_bytes", options.stream_bytes, one_message,
              Credit::kMaxBytes),
      InRange("write_timeout", options.write_timeout, absl::Milliseconds(10),
              absl::Hours(1)),
      Positive("max_session_age", options.max_session_age),
      Positive("default_timeout", options.default_timeout),
      InRange("stall_after", options.stall_after, absl::Milliseconds(10),
              absl::Hours(1)),
      ShareInRange("healthy_share", options.healthy_share),
      InRange("lame_duck", options.lame_duck, absl::ZeroDuration(),
              absl::Hours(1)),
      InRange("grace", options.grace, absl::ZeroDuration(), absl::Hours(1)),
  };
  return FirstMistake(checks);
}

}  // namespace pinion
