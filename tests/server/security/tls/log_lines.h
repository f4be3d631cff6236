// SPDX-License-Identifier: Apache-2.0
//
// LogLines: keeps what is logged, for a test to look at or wait for.
//
// Threads: any thread.
// Example: LogLines lines;
//          TlsWatch watch({.files = options, .log = lines.sink()});
//          lines.Await("refused");
#ifndef PINION_TESTS_SERVER_SECURITY_TLS_LOG_LINES_H_
#define PINION_TESTS_SERVER_SECURITY_TLS_LOG_LINES_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/mutex.h"
#include "pinion/server/log.h"

namespace pinion::testing {

class LogLines {
 public:
  // Keeps "LEVEL EVENT: MESSAGE".
  LogSink sink() {
    return [this](const LogRecord& record) {
      Add(absl::StrCat(ToString(record.level), " ", record.event, ": ",
                       record.message));
    };
  }

  // Keeps whole lines.
  LogFunction function() {
    return [this](absl::string_view line) { Add(std::string(line)); };
  }

  // Those since the last call.
  std::vector<std::string> Take() {
    MutexLock lock(mutex_);
    return std::exchange(lines_, {});
  }

  // Waits for a line that has `words`, and returns it. The lines up to it are
  // taken.
  std::string Await(absl::string_view words) {
    MutexLock lock(mutex_);
    for (;;) {
      for (size_t i = 0; i < lines_.size(); ++i) {
        if (!absl::StrContains(lines_[i], words)) continue;
        std::string line = lines_[i];
        lines_.erase(lines_.begin(), lines_.begin() + static_cast<long>(i) + 1);
        return line;
      }
      changed_.Wait(mutex_);
    }
  }

 private:
  void Add(std::string line) {
    MutexLock lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.NotifyAll();
  }

  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SERVER_SECURITY_TLS_LOG_LINES_H_
