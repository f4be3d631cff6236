// SPDX-License-Identifier: Apache-2.0
//
// LogLimits: which lines a log leaves out because there are too many of their
//            kind, and how many those are.
//
// A kind is one event of one service (of LogRecord's event and method): what
// the clients of one service cause hides nothing of another. Records without an
// event have no limit.
//
// Threads: any thread.
// Example: LogLimits limits(clock);
//          const LogLimits::Turn turn = limits.Take(record);
//          if (turn.writes) Write(record, turn.left_out_before);
#ifndef PINION_SERVER_LOG_LOG_LIMITS_H_
#define PINION_SERVER_LOG_LOG_LIMITS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/clock.h"
#include "pinion/proto/wire/process_hash.h"
#include "pinion/server/log.h"

namespace pinion {

class LogLimits {
 public:
  // Enough to see what is wrong, few enough to read the rest of the log.
  static constexpr int kMostInASpan = 10;
  static constexpr std::chrono::seconds kSpan{1};
  // More than all events of as many services as a program hosts. Kinds beyond
  // these share one limit.
  static constexpr size_t kMostKinds = 1024;

  explicit LogLimits(const Clock& clock) : clock_(clock) {}
  LogLimits(const LogLimits&) = delete;
  LogLimits& operator=(const LogLimits&) = delete;

  // What is to be written of a record.
  struct Turn {
    bool writes;
    // It is the last one of its span: the next ones are left out.
    bool is_last_of_span;
    // How many of its kind were left out since the last one was written.
    uint64_t left_out_before;
  };
  Turn Take(const LogRecord& record);

  // Records that say how many lines were left out which no later line has told
  // of; they are told of then.
  std::vector<LogRecord> TakeLeftOut();

  // How many were left out so far, told of or not.
  uint64_t left_out_in_all() const {
    MutexLock lock(mutex_);
    return left_out_in_all_;
  }

 private:
  struct Kind {
    Moment span_begun;
    int in_span = 0;
    uint64_t left_out = 0;
    // Of one that was left out.
    LogLevel level = LogLevel::kInfo;
    LogArea area = LogArea::kLog;
    std::string event = {};
    std::string service = {};
  };

  // The kind of `record`, which is new at `now` if it was not there.
  Kind& KindOf(const LogRecord& record, Moment now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Fixed at construction.
  const Clock clock_;

  // Shared.
  mutable Mutex mutex_;
  uint64_t left_out_in_all_ ABSL_GUARDED_BY(mutex_) = 0;
  // By service and event.
  HashMap<std::string, Kind> kinds_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion

#endif  // PINION_SERVER_LOG_LOG_LIMITS_H_
