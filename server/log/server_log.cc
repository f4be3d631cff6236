// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/log/server_log.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/core/base/patient_write.h"
#include "pinion/proto/wire/key.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/log/log_text.h"
#include "pinion/server/slot.h"

namespace pinion {
namespace {

// As good as for ever: a line that was begun is not to be torn.
constexpr std::chrono::hours kUntilItIsTaken(24 * 3650);

// This process's queue for standard error.
LogQueue& StandardErrorQueue() {
  // Never destroyed: its thread may hang in a write to the end of the process.
  static LogQueue& queue = *new LogQueue([](absl::string_view line) {
    return WriteWithin(STDERR_FILENO, absl::StrCat(line, "\n"),
                       kUntilItIsTaken);
  });
  return queue;
}

// Cuts `text`, and releases the memory of what was cut.
void CutTo(std::string& text, size_t most) {
  if (text.size() > most) text = std::string(BeginningOf(text, most));
}

// What follows the last line of its kind that is written in a span.
LogRecord MoreAreLeftOut(const LogRecord& last) {
  return {.level = last.level,
          .area = last.area,
          .event = last.event,
          .method = last.method,
          .message = absl::StrCat(
              "further lines about ", last.event,
              " are left out for the rest of the second, and counted"),
          .time = last.time};
}

}  // namespace

ServerLog::ServerLog(ServerLogOptions options)
    : function_(std::move(options.function)),
      key_seed_(options.key_seed),
      now_(std::move(options.now)),
      format_(options.settings.format),
      level_(options.settings.level),
      keys_(options.settings.keys),
      limits_(options.clock) {}

ServerLog::~ServerLog() { TellLeftOut(); }

void ServerLog::Start() {
  if (!function_) {
    StandardErrorQueue();
    return;
  }
  queue_ = std::make_unique<LogQueue>([this](absl::string_view line) {
    function_(line);
    return true;
  });
}

void ServerLog::Write(LogRecord record) {
  if (record.level < level_.load(std::memory_order_relaxed)) return;
  Fit(record);
  const LogLimits::Turn turn = limits_.Take(record);
  if (!turn.writes) return;
  record.left_out += turn.left_out_before;
  Complete(record);
  if (!turn.is_last_of_span) return HandOn(std::move(record));
  LogRecord more = MoreAreLeftOut(record);
  HandOn(std::move(record));
  HandOn(std::move(more));
}

void ServerLog::WriteEach(LogRecord record) {
  Fit(record);
  Complete(record);
  HandOn(std::move(record));
}

void ServerLog::Complete(LogRecord& record) const {
  record.time = now_();
  if (record.key.has_value() && !keys_.load(std::memory_order_relaxed)) {
    record.key_slot = SlotOfKey(*record.key);
    record.key.reset();
  }
}

void ServerLog::Fit(LogRecord& record) {
  CutTo(record.event, kMaxLogFieldBytes);
  CutTo(record.method, kMaxLogFieldBytes);
  if (record.key.has_value()) CutTo(*record.key, kMaxKeyBytes);
  // One more byte than fits has its line end in "...".
  CutTo(record.message, kMaxLogLineBytes + 1);
}

void ServerLog::HandOn(LogRecord record) {
  const LogFormat format = format_.load(std::memory_order_relaxed);
  if (!function_) {
    StandardErrorQueue().Add(std::move(record), format);
  } else if (queue_ != nullptr) {
    queue_->Add(std::move(record), format);
  } else {
    function_(LineOf(record, format));
  }
}

void ServerLog::Set(const LogSettings& settings) {
  format_.store(settings.format, std::memory_order_relaxed);
  level_.store(settings.level, std::memory_order_relaxed);
  keys_.store(settings.keys, std::memory_order_relaxed);
}

LogSettings ServerLog::settings() const {
  return {.format = format_.load(std::memory_order_relaxed),
          .level = level_.load(std::memory_order_relaxed),
          .keys = keys_.load(std::memory_order_relaxed)};
}

std::string ServerLog::DescribeKey(absl::string_view key) const {
  return keys_.load(std::memory_order_relaxed) ? KeyInLog(key)
                                               : SlotInLog(SlotOfKey(key));
}

int ServerLog::SlotOfKey(absl::string_view key) const {
  return SlotOf(Key::FromBytes(key).Hash(key_seed_));
}

bool ServerLog::Flush(std::chrono::nanoseconds timeout) {
  TellLeftOut();
  if (!function_) {
    ProcessLog().TellLeftOut();
    return StandardErrorQueue().Flush(timeout);
  }
  return queue_ == nullptr || queue_->Flush(timeout);
}

uint64_t ServerLog::dropped() const {
  if (!function_) return StandardErrorQueue().dropped_in_all();
  return queue_ == nullptr ? 0 : queue_->dropped_in_all();
}

void ServerLog::TellLeftOut() {
  for (LogRecord& record : limits_.TakeLeftOut()) {
    record.time = now_();
    HandOn(std::move(record));
  }
}

ServerLog& ProcessLog() {
  static ServerLog& log = *new ServerLog({});
  return log;
}

void Log(const LogSink& log, LogRecord record) {
  if (log) {
    log(std::move(record));
  } else {
    ProcessLog().Write(std::move(record));
  }
}

}  // namespace pinion
