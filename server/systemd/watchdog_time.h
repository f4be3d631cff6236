// SPDX-License-Identifier: Apache-2.0
//
// ReadWatchdogTime: how long systemd waits for a sign of life (WatchdogSec).
//
// Threads: any thread.
// Example: const auto time = ReadWatchdogTime(getenv("WATCHDOG_USEC"),
//                                             getenv("WATCHDOG_PID"),
//                                             getpid());
#ifndef PINION_SERVER_SYSTEMD_WATCHDOG_TIME_H_
#define PINION_SERVER_SYSTEMD_WATCHDOG_TIME_H_

#include <sys/types.h>

#include <chrono>
#include <optional>

#include "absl/status/statusor.h"

namespace pinion {

// By the values of WATCHDOG_USEC and WATCHDOG_PID; null if not set. None if
// systemd does not watch the process `self`. INVALID_ARGUMENT, in one line, if
// a value makes no sense.
absl::StatusOr<std::optional<std::chrono::microseconds>> ReadWatchdogTime(
    const char* usec, const char* pid, pid_t self);

}  // namespace pinion

#endif  // PINION_SERVER_SYSTEMD_WATCHDOG_TIME_H_
