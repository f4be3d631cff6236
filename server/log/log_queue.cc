// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/log/log_queue.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace pinion {
namespace {

// A line's own part of the bound, beside its text.
constexpr size_t kBytesOfALine = 64;

size_t BytesOf(absl::string_view text) { return text.size() + kBytesOfALine; }

std::string Cut(absl::string_view line) {
  if (line.size() <= LogQueue::kMaxLineBytes) return std::string(line);
  return absl::StrCat(line.substr(0, LogQueue::kMaxLineBytes), "...");
}

std::string TellDropped(uint64_t lines) {
  return absl::StrCat("log: dropped ", lines, lines == 1 ? " line" : " lines",
                      " here, which nobody took in time");
}

// A thread that gets none of the process's signals: whoever awaits them, or has
// a handler, is another.
template <typename Function>
std::thread ThreadWithoutSignals(Function function) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(function));  // Inherits the mask.
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

LogQueue::LogQueue(Write write) : write_(std::move(write)) {
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

bool LogQueue::Add(absl::string_view line) {
  std::string text = Cut(line);
  const size_t bytes = BytesOf(text);
  MutexLock lock(mutex_);
  if (bytes_ + bytes > kMaxBytes) {
    ++dropped_;
    return false;
  }
  bytes_ += bytes;
  ++added_;
  lines_.push_back(
      {.text = std::move(text), .dropped_before = std::exchange(dropped_, 0)});
  changed_.NotifyAll();
  return true;
}

bool LogQueue::Flush(std::chrono::nanoseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  MutexLock lock(mutex_);
  const uint64_t added = added_;
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
  return Line{.text = std::nullopt,
              .dropped_before = std::exchange(dropped_, 0)};
}

uint64_t LogQueue::HandOn(const Line& line) const {
  uint64_t lost = 0;
  if (line.dropped_before > 0 && !write_(TellDropped(line.dropped_before))) {
    lost += line.dropped_before;
  }
  if (line.text.has_value() && !write_(*line.text)) lost += 1;
  return lost;
}

void LogQueue::NoteDone(const Line& line, uint64_t lost) {
  MutexLock lock(mutex_);
  if (line.text.has_value()) {
    bytes_ -= BytesOf(*line.text);
    ++done_;
  }
  telling_ = false;
  dropped_ += lost;
  flows_ = lost == 0;
  changed_.NotifyAll();
}

}  // namespace pinion
