// SPDX-License-Identifier: Apache-2.0
#include "server/options.h"

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/work_list.h"
#include "server/credit.h"
#include "server/listen_address.h"

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

absl::Status ValidateListen(const ServerOptions& options) {
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

absl::Status ValidateListener(const ServerOptions& options) {
  const absl::Status checks[] = {
      ValidateListen(options),
      InRange("grpc_memory_bytes", options.grpc_memory_bytes, 16 << 20,
              int64_t{1} << 40),
  };
  return FirstMistake(checks);
}

absl::Status ValidateHosted(const ServerOptions& options) {
  const int64_t one_message = options.max_message_bytes;
  const absl::Status checks[] = {
      InRange("workers", options.workers, 0, 1 << 16),
      InRange("io_threads", options.io_threads, 0, 64),
      InRange("max_message_bytes", one_message, 1 << 10, 1 << 30),
      InRange("lane_capacity", options.lane_capacity, 1,
              WorkList::kMaxCapacity),
      InRange("lane_bytes", options.lane_bytes, one_message, Credit::kMaxBytes),
      InRange("max_calls", options.max_calls, 1, Credit::kMaxCalls),
      InRange("max_bytes", options.max_bytes, one_message, Credit::kMaxBytes),
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
      InRange("lame_duck", options.lame_duck, absl::ZeroDuration(),
              absl::Hours(1)),
      InRange("grace", options.grace, absl::ZeroDuration(), absl::Hours(1)),
  };
  return FirstMistake(checks);
}

// That an option of the listener's is as it was made.
absl::Status IsUnset(absl::string_view name, bool unset) {
  if (unset) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, " is set, which is a pinion::Server's; say it to the builder"));
}

}  // namespace

absl::Status Validate(const ServerOptions& options) {
  const absl::Status listener = ValidateListener(options);
  return listener.ok() ? ValidateHosted(options) : listener;
}

absl::Status ValidateHosting(const ServerOptions& options) {
  const ServerOptions made;
  const absl::Status checks[] = {
      IsUnset("listen", options.listen == made.listen),
      IsUnset("allow_unencrypted_public_traffic",
              options.allow_unencrypted_public_traffic ==
                  made.allow_unencrypted_public_traffic),
      IsUnset("grpc_memory_bytes",
              options.grpc_memory_bytes == made.grpc_memory_bytes),
      ValidateHosted(options),
  };
  return FirstMistake(checks);
}

ServerOptions WithoutListener(ServerOptions options) {
  const ServerOptions made;
  options.listen = made.listen;
  options.allow_unencrypted_public_traffic =
      made.allow_unencrypted_public_traffic;
  options.grpc_memory_bytes = made.grpc_memory_bytes;
  return options;
}

}  // namespace pinion
