// SPDX-License-Identifier: Apache-2.0
//
// LogQueue: the bounded queue of log lines. Its own thread hands them on, so a
//           thread that logs never waits for the receiver.
//
// Threads: any thread may Add() and Flush(). The queue's own thread,
//          "pinion-log", hands lines on, one at a time and in order; it takes
//          no signals.
// Bound:   lines that do not fit, or cannot be handed on, are dropped and
//          counted. A line of its own reports the count as soon as lines flow
//          again.
// Example: LogQueue queue([](absl::string_view line) {
//            return WriteWithin(descriptor, line, patience);
//          });
//          queue.Add("worker 1: ...");
//          queue.Flush(std::chrono::milliseconds(100));
#ifndef PINION_SERVER_LOG_LOG_QUEUE_H_
#define PINION_SERVER_LOG_LOG_QUEUE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/mutex.h"

namespace pinion {

class LogQueue {
 public:
  // Hands one line on, without its end; returns whether that succeeded. It may
  // take as long as it likes.
  using Write = std::function<bool(absl::string_view line)>;

  // The most bytes of waiting lines: some thousand lines. A longer line is cut
  // to kMaxLineBytes, so that one line cannot use up the queue.
  static constexpr size_t kMaxBytes = 256 << 10;
  static constexpr size_t kMaxLineBytes = 16 << 10;

  explicit LogQueue(Write write);
  // Hands on all waiting lines, however long that takes.
  ~LogQueue();
  LogQueue(const LogQueue&) = delete;
  LogQueue& operator=(const LogQueue&) = delete;

  // Adds `line`; false if it does not fit and is dropped.
  bool Add(absl::string_view line);

  // Waits until all lines so far are handed on or lost, at most for `timeout`.
  // Returns whether they are.
  bool Flush(std::chrono::nanoseconds timeout);

 private:
  // The next line to hand on, and before it the number of lines dropped there;
  // or that number alone.
  struct Line {
    std::optional<std::string> text;
    uint64_t dropped_before = 0;
  };

  void Loop();
  // Waits for one; none when the queue ends and all lines are taken.
  std::optional<Line> TakeLine();
  // Returns the number of lost lines.
  uint64_t HandOn(const Line& line) const;
  void NoteDone(const Line& line, uint64_t lost);

  // Whether a count must be reported though no line waits. After a lost line,
  // the next line shows whether they flow again.
  bool MayTellDropped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return dropped_ > 0 && flows_;
  }

  // Fixed at construction.
  const Write write_;

  // Shared.
  Mutex mutex_;
  CondVar changed_;
  std::deque<Line> lines_ ABSL_GUARDED_BY(mutex_);
  // Of lines_ and of the line that is being handed on.
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;  // Since the last of lines_.
  uint64_t added_ ABSL_GUARDED_BY(mutex_) = 0;    // Lines that fitted;
  uint64_t done_ ABSL_GUARDED_BY(mutex_) = 0;     // how many of them are done.
  bool flows_ ABSL_GUARDED_BY(mutex_) = true;     // The last one was handed on.
  // A count alone is being handed on.
  bool telling_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;

  // The owner's only.
  std::thread thread_;
};

}  // namespace pinion

#endif  // PINION_SERVER_LOG_LOG_QUEUE_H_
