// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/systemd/watchdog_time.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace pinion {
namespace {

// 31 years, as good as never. systemd's own number for that is 2^64 - 1.
constexpr uint64_t kNever = 1'000'000'000'000'000;

}  // namespace

absl::StatusOr<std::optional<std::chrono::microseconds>> ReadWatchdogTime(
    const char* usec, const char* pid, pid_t self) {
  if (usec == nullptr) return std::nullopt;
  uint64_t time;
  if (!absl::SimpleAtoi(usec, &time) || time == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("WATCHDOG_USEC is \"", usec,
                     "\"; valid is a number of microseconds above 0"));
  }
  pid_t watched = self;
  if (pid != nullptr && (!absl::SimpleAtoi(pid, &watched) || watched <= 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "WATCHDOG_PID is \"", pid, "\", which is no process's number"));
  }
  if (watched != self || time >= kNever) return std::nullopt;
  return std::chrono::microseconds(time);
}

}  // namespace pinion
