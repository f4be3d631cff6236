// SPDX-License-Identifier: Apache-2.0
#include "server/options.h"

#include "absl/strings/str_cat.h"
#include "core/work_list.h"
#include "server/listen_address.h"

namespace pinion {
namespace {

absl::Status InRange(absl::string_view name, int64_t value, int64_t least,
                     int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, "; valid are ", least, " to ", most));
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

}  // namespace

absl::Status Validate(const ServerOptions& options) {
  const absl::Status checks[] = {
      ValidateListen(options),
      InRange("workers", options.workers, 0, 1 << 16),
      InRange("io_threads", options.io_threads, 0, 64),
      InRange("lane_capacity", options.lane_capacity, 1,
              WorkList::kMaxCapacity),
      InRange("max_message_bytes", options.max_message_bytes, 1 << 10, 1 << 30),
  };
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  if (options.grace < absl::ZeroDuration() || options.grace > absl::Hours(1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("grace is ", absl::FormatDuration(options.grace),
                     "; valid are 0 to 1h"));
  }
  return absl::OkStatus();
}

}  // namespace pinion
