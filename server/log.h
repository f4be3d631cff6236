// SPDX-License-Identifier: Apache-2.0
//
// Log: writes the lines of a server that no client sees as an answer.
//
// Threads: any thread. The caller never waits: lines wait in a LogQueue
//          (log_queue.h) until they are written. If there are too many, lines
//          are dropped.
// Example: Log(options.log, "worker 1: ...");
#ifndef PINION_SERVER_LOG_H_
#define PINION_SERVER_LOG_H_

#include <functional>

#include "absl/strings/string_view.h"

namespace pinion {

// Receives one line, without its line end.
using LogFunction = std::function<void(absl::string_view line)>;

// Writes `line` to `log`, or to StandardErrorLog() if `log` is empty.
void Log(const LogFunction& log, absl::string_view line);

class LogQueue;

// This process's queue of lines for standard error; it exists until the process
// ends. The first use starts its thread, so make the first use on a thread that
// is not pinned.
LogQueue& StandardErrorLog();

}  // namespace pinion

#endif  // PINION_SERVER_LOG_H_
