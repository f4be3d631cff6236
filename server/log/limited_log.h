// SPDX-License-Identifier: Apache-2.0
//
// LimitedLog: a log for lines that a client may cause: at most ten in a second
//             are written, and the others are counted.
//
// Threads: any thread.
// Order:   the lines of one thread keep their order.
// Example: LimitedLog faults("shop.v1.CounterService", options.log, clock);
//          faults.Add("/shop.v1.CounterService/Add: the handler threw ...");
#ifndef PINION_SERVER_LOG_LIMITED_LOG_H_
#define PINION_SERVER_LOG_LIMITED_LOG_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/clock.h"
#include "pinion/server/log.h"

namespace pinion {

class LimitedLog {
 public:
  // Enough to see what is wrong, few enough to read the rest of the log.
  static constexpr int kMostInASpan = 10;
  static constexpr std::chrono::seconds kSpan{1};

  // Writes to `log` (see Log()). `name` says in its own lines whose lines are
  // left out.
  LimitedLog(std::string name, LogFunction log, const Clock& clock)
      : name_(std::move(name)), log_(std::move(log)), clock_(clock) {}
  LimitedLog(const LimitedLog&) = delete;
  LimitedLog& operator=(const LimitedLog&) = delete;

  // Writes `line`, unless too many were written within the present span. The
  // last of a span is followed by a line that says so; the first of a later one
  // follows a line with the number of those left out.
  void Add(absl::string_view line);

 private:
  // What is to be written of a line.
  struct Turn {
    bool writes;
    bool is_last_of_span;
    uint64_t left_out_before;
  };
  Turn TakeTurn();

  // Fixed at construction.
  const std::string name_;
  const LogFunction log_;
  const Clock clock_;

  // Shared.
  Mutex mutex_;
  std::optional<Moment> span_begun_ ABSL_GUARDED_BY(mutex_);
  int in_span_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_LOG_LIMITED_LOG_H_
