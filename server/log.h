// SPDX-License-Identifier: Apache-2.0
//
// Log: where a server says what nobody is told as an answer.
//
// Threads: anyone.
// Example: Log(options.log, "worker 1: ...");
#ifndef PINION_SERVER_LOG_H_
#define PINION_SERVER_LOG_H_

#include <cstdio>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"

namespace pinion {

// Takes one line, without its end; called from any thread.
using LogFunction = std::function<void(absl::string_view line)>;

// Gives `line` to `log`, or to standard error if there is none.
inline void Log(const LogFunction& log, absl::string_view line) {
  if (log) {
    log(line);
  } else {
    std::fprintf(stderr, "%s\n", std::string(line).c_str());
  }
}

}  // namespace pinion

#endif  // PINION_SERVER_LOG_H_
