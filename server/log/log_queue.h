// SPDX-License-Identifier: Apache-2.0
//
// LogQueue: the bounded queue of records. Its own thread makes lines of them
//           and hands these on, so a thread that logs never waits for the
//           receiver.
//
// Threads: any thread may Add() and Flush(). The queue's own thread,
//          "pinion-log", hands lines on, one at a time and in order; it takes
//          no signals.
// Bound:   records that do not fit, and lines that cannot be handed on, are
//          dropped and counted. A line of its own reports the count as soon as
//          lines flow again.
// Example: LogQueue queue([](absl::string_view line) {
//            return WriteWithin(descriptor, line, patience);
//          });
//          queue.Add({.message = "..."}, LogFormat::kText);
//          queue.Flush(std::chrono::milliseconds(100));
#ifndef PINION_SERVER_LOG_LOG_QUEUE_H_
#define PINION_SERVER_LOG_LOG_QUEUE_H_

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/thread_times.h"
#include "pinion/server/log.h"

namespace pinion {

class LogQueue {
 public:
  // Hands one line on, without its end; returns whether that succeeded. It may
  // take as long as it likes.
  using Write = std::function<bool(absl::string_view line)>;
  using ReadTimes = std::function<absl::StatusOr<ThreadTimes>(pid_t thread)>;

  // The most bytes of waiting records: some thousand lines.
  static constexpr size_t kMaxBytes = 256 << 10;

  // How long a Flush() waits, beyond its timeout, for a thread that gets no
  // CPU. One that gets none for so long will get none.
  static constexpr std::chrono::seconds kThreadRuns{30};

  // `read_times` is for tests.
  explicit LogQueue(
      Write write, ReadTimes read_times = [](pid_t thread) {
        return ReadThreadTimes(thread);
      });
  // Hands on all waiting lines, however long that takes.
  ~LogQueue();
  LogQueue(const LogQueue&) = delete;
  LogQueue& operator=(const LogQueue&) = delete;

  // Adds `record`; false if it does not fit and is dropped.
  bool Add(LogRecord record, LogFormat format);

  // Waits until all lines so far are handed on or lost, and gives up once the
  // receiver has kept them for `timeout`, 0 or more. The time in which the
  // queue's thread was given no CPU is not the receiver's: it does not count,
  // but for what is beyond kThreadRuns. Returns whether the lines are handed on
  // or lost.
  bool Flush(std::chrono::nanoseconds timeout);

  // The lines that were dropped since the queue was made.
  uint64_t dropped_in_all() const {
    MutexLock lock(mutex_);
    return dropped_in_all_;
  }

 private:
  // The next record to hand on, and before it the number of lines dropped
  // there; or that number alone.
  struct Line {
    std::optional<LogRecord> record;
    LogFormat format = LogFormat::kText;
    uint64_t dropped_before = 0;
    // Of the last of these.
    absl::Time dropped_at = absl::InfinitePast();
  };
  static size_t BytesOf(const LogRecord& record);

  void Loop();
  // Waits for one; none when the queue ends and all lines are taken.
  std::optional<Line> TakeLine();
  // What could not be handed on: the dropped lines of which the line before the
  // record tells, and the record.
  struct Lost {
    uint64_t told_of = 0;
    uint64_t record = 0;
  };
  Lost HandOn(const Line& line) const;
  void NoteDone(const Line& line, const Lost& lost);

  // Counts `lines` as dropped, the last of them at `time`.
  void Drop(uint64_t lines, absl::Time time, LogFormat format)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether a count must be reported though no line waits. After a lost line,
  // the next line shows whether they flow again.
  bool MayTellDropped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return dropped_ > 0 && flows_;
  }

  // The number of lines that were added so far.
  uint64_t Added();
  // Waits for `span` at most until the first `added` lines are done, and
  // nothing is to be told of dropped ones. Returns whether that is so.
  bool AwaitDone(uint64_t added, std::chrono::nanoseconds span);

  // Fixed at construction.
  const Write write_;
  const ReadTimes read_times_;

  // The gettid() of the queue's thread; 0 until it has run.
  std::atomic<pid_t> thread_id_{0};

  // Shared.
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Line> lines_ ABSL_GUARDED_BY(mutex_);
  // Of lines_ and of the line that is being handed on.
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;   // Since the last of lines_;
  absl::Time dropped_at_ ABSL_GUARDED_BY(mutex_);  // when the last of these;
  uint64_t dropped_in_all_ ABSL_GUARDED_BY(mutex_) = 0;
  LogFormat dropped_format_ ABSL_GUARDED_BY(mutex_) = LogFormat::kText;
  uint64_t added_ ABSL_GUARDED_BY(mutex_) = 0;  // Lines that fitted;
  uint64_t done_ ABSL_GUARDED_BY(mutex_) = 0;   // how many of them are done.
  bool flows_ ABSL_GUARDED_BY(mutex_) = true;   // The last one was handed on.
  // A count alone is being handed on.
  bool telling_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;

  // The owner's only.
  std::thread thread_;
};

}  // namespace pinion

#endif  // PINION_SERVER_LOG_LOG_QUEUE_H_
