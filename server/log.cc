// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/log.h"

#include <unistd.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "pinion/core/base/patient_write.h"
#include "pinion/server/log/log_queue.h"

namespace pinion {
namespace {

// As good as for ever: a line that was begun is not to be torn.
constexpr std::chrono::hours kUntilItIsTaken(24 * 3650);

}  // namespace

void Log(const LogFunction& log, absl::string_view line) {
  if (log) {
    log(line);
  } else {
    StandardErrorLog().Add(line);
  }
}

LogQueue& StandardErrorLog() {
  // Never destroyed: its thread may hang in a write to the end of the process.
  static LogQueue& queue = *new LogQueue([](absl::string_view line) {
    return WriteWithin(STDERR_FILENO, absl::StrCat(line, "\n"),
                       kUntilItIsTaken);
  });
  return queue;
}

}  // namespace pinion
