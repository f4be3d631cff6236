// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/log/log_queue.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "pinion/core/base/thread_without_signals.h"
#include "pinion/server/log/log_text.h"

namespace pinion {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// How often a Flush() looks what the queue's thread does: the oftener, the
// better NotGiven() tells.
constexpr std::chrono::milliseconds kBetweenLooks(5);

// As good as for ever, and it can be added to a time.
constexpr std::chrono::hours kForever(24 * 365);

LogRecord TellDropped(uint64_t lines, absl::Time time) {
  return {.level = LogLevel::kWarning,
          .area = LogArea::kLog,
          .event = "lines_dropped",
          .message = "lines were dropped here, which nobody took in time",
          .left_out = lines,
          .time = time};
}

// The time that a thread has had for itself: not that in which it was ready to
// run and others had its CPU.
class OwnTime {
 public:
  explicit OwnTime(const LogQueue::ReadTimes& read) : read_(read) {}

  // Looks at `thread`, and returns its own time since the first look. A thread
  // whose times cannot be read has all time; one that has not begun, 0, has
  // none.
  nanoseconds Look(pid_t thread) {
    absl::StatusOr<ThreadTimes> times = ThreadTimes();
    if (thread != 0) times = read_(thread);
    const auto now = steady_clock::now();
    const nanoseconds wall = now - looked_at_;
    if (thread_ != 0) {
      own_ += wall;
      if (times.ok() && times_.ok()) own_ -= NotGiven(*times_, *times, wall);
    }
    thread_ = thread;
    times_ = std::move(times);
    looked_at_ = now;
    return own_;
  }

 private:
  const LogQueue::ReadTimes& read_;
  nanoseconds own_{0};

  // At the last look.
  pid_t thread_ = 0;
  absl::StatusOr<ThreadTimes> times_ = ThreadTimes();
  steady_clock::time_point looked_at_;
};

}  // namespace

LogQueue::LogQueue(Write write, ReadTimes read_times)
    : write_(std::move(write)), read_times_(std::move(read_times)) {
  thread_ = ThreadWithoutSignals([this] { Loop(); });
}

LogQueue::~LogQueue() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

size_t LogQueue::BytesOf(const LogRecord& record) {
  return sizeof(Line) + record.message.size() + record.method.size() +
         record.event.size() +
         (record.key.has_value() ? record.key->size() : 0);
}

bool LogQueue::Add(LogRecord record, LogFormat format) {
  const size_t bytes = BytesOf(record);
  MutexLock lock(mutex_);
  if (bytes_ + bytes > kMaxBytes) {
    ++dropped_in_all_;
    Drop(1, record.time, format);
    return false;
  }
  bytes_ += bytes;
  ++added_;
  lines_.push_back({.record = std::move(record),
                    .format = format,
                    .dropped_before = std::exchange(dropped_, 0),
                    .dropped_at = dropped_at_});
  changed_.NotifyAll();
  return true;
}

void LogQueue::Drop(uint64_t lines, absl::Time time, LogFormat format) {
  dropped_ += lines;
  dropped_at_ = time;
  dropped_format_ = format;
}

bool LogQueue::Flush(nanoseconds timeout) {
  timeout = std::min<nanoseconds>(timeout, kForever);
  const uint64_t added = Added();
  if (AwaitDone(added, nanoseconds(0))) return true;
  const auto last = steady_clock::now() + timeout + kThreadRuns;
  OwnTime own(read_times_);
  do {
    const nanoseconds left = timeout - own.Look(thread_id_);
    if (left <= nanoseconds(0)) return AwaitDone(added, nanoseconds(0));
    if (AwaitDone(added, std::min<nanoseconds>(left, kBetweenLooks))) {
      return true;
    }
  } while (steady_clock::now() < last);
  return false;
}

uint64_t LogQueue::Added() {
  MutexLock lock(mutex_);
  return added_;
}

bool LogQueue::AwaitDone(uint64_t added, nanoseconds span) {
  const auto deadline = steady_clock::now() + span;
  MutexLock lock(mutex_);
  const auto waits = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return done_ < added || MayTellDropped() || telling_;
  };
  while (waits()) {
    if (!changed_.WaitUntil(mutex_, deadline)) break;
  }
  return !waits();
}

void LogQueue::Loop() {
  pthread_setname_np(pthread_self(), "pinion-log");
  thread_id_ = gettid();
  while (const std::optional<Line> line = TakeLine()) {
    NoteDone(*line, HandOn(*line));
  }
}

std::optional<LogQueue::Line> LogQueue::TakeLine() {
  MutexLock lock(mutex_);
  while (lines_.empty() && !MayTellDropped() && !ending_) {
    changed_.Wait(mutex_);
  }
  if (!lines_.empty()) {
    Line line = std::move(lines_.front());
    lines_.pop_front();
    return line;
  }
  if (!MayTellDropped()) return std::nullopt;
  telling_ = true;
  return Line{.record = std::nullopt,
              .format = dropped_format_,
              .dropped_before = std::exchange(dropped_, 0),
              .dropped_at = dropped_at_};
}

LogQueue::Lost LogQueue::HandOn(const Line& line) const {
  Lost lost;
  if (line.dropped_before > 0 &&
      !write_(LineOf(TellDropped(line.dropped_before, line.dropped_at),
                     line.format))) {
    lost.told_of = line.dropped_before;
  }
  if (line.record.has_value() && !write_(LineOf(*line.record, line.format))) {
    lost.record = 1;
  }
  return lost;
}

void LogQueue::NoteDone(const Line& line, const Lost& lost) {
  MutexLock lock(mutex_);
  if (line.record.has_value()) {
    bytes_ -= BytesOf(*line.record);
    ++done_;
  }
  telling_ = false;
  dropped_in_all_ += lost.record;
  const uint64_t untold = lost.told_of + lost.record;
  if (untold > 0) {
    Drop(untold, line.record.has_value() ? line.record->time : line.dropped_at,
         line.format);
  }
  flows_ = untold == 0;
  changed_.NotifyAll();
}

}  // namespace pinion
