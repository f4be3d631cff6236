// SPDX-License-Identifier: Apache-2.0
//
// ServerLog: the log of one server. It keeps what its level asks for, limits
//            each kind of line (log_limits.h), gives each record its time, and
//            hides keys that are not to be seen.
//
// Threads: any thread may Write(), Set() and Flush(), and does not wait:
// records
//          wait in a LogQueue (log_queue.h) until its thread writes them. The
//          owner calls Start(). Before that, whoever writes calls the user's
//          function directly, as in a server that a test steps.
// Example: ServerLog log({.function = options.log, .settings = settings});
//          log.Start();
//          log.Write({.level = LogLevel::kWarning,
//                     .area = LogArea::kListener,
//                     .event = "files_ran_out",
//                     .message = absl::StrCat("open files run out: ...")});
#ifndef PINION_SERVER_LOG_SERVER_LOG_H_
#define PINION_SERVER_LOG_SERVER_LOG_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/core/clock.h"
#include "pinion/server/log.h"
#include "pinion/server/log/log_limits.h"
#include "pinion/server/log/log_queue.h"

namespace pinion {

struct ServerLogOptions {
  // Receives the lines. Empty: standard error does.
  LogFunction function = {};
  LogSettings settings = {};
  // Of the hash that maps keys to slots.
  uint64_t key_seed = 0;
  // For the limits, and for the time of a record.
  Clock clock = {};
  std::function<absl::Time()> now = [] { return absl::Now(); };
};

class ServerLog {
 public:
  explicit ServerLog(ServerLogOptions options);
  // Writes what waits for the function, however long that takes.
  ~ServerLog();
  ServerLog(const ServerLog&) = delete;
  ServerLog& operator=(const ServerLog&) = delete;

  // From now on records wait in a queue. Call it on a thread that is not
  // pinned: the queue's thread inherits its CPUs.
  void Start();

  // Writes `record`, unless its level is too low or too many of its kind were
  // written. A message is cut to kMaxLogLineBytes, other fields are, too.
  void Write(LogRecord record);
  // The same for a line that must not be missing, as who has changed a setting:
  // whatever the level is, and however many of its kind there are.
  void WriteEach(LogRecord record);
  // Writes to this log, which must outlive it.
  LogSink sink() {
    return [this](LogRecord record) { Write(std::move(record)); };
  }

  // From the next record on.
  void Set(const LogSettings& settings);
  LogSettings settings() const;

  // A call's key within a message: key "apples", or its slot if keys are
  // hidden.
  std::string DescribeKey(absl::string_view key) const;

  // Writes how many lines were left out, those on standard error of
  // ProcessLog() included, if no line has told of them yet. Then waits until
  // all lines so far are handed on, as LogQueue::Flush() says.
  bool Flush(std::chrono::nanoseconds timeout);

  // Lines that were not written so far, of this log: too many of their kind
  // came; or whoever takes them was too slow. Of standard error the latter are
  // those of the whole process.
  uint64_t left_out() const { return limits_.left_out_in_all(); }
  uint64_t dropped() const;

 private:
  int SlotOfKey(absl::string_view key) const;
  // Cuts what is too long.
  static void Fit(LogRecord& record);
  // Gives it its time, and hides its key.
  void Complete(LogRecord& record) const;
  // The last step of a write.
  void HandOn(LogRecord record);
  void TellLeftOut();

  // Fixed at construction.
  const LogFunction function_;
  const uint64_t key_seed_;
  const std::function<absl::Time()> now_;

  // Shared. Relaxed, because nothing is handed over with them.
  std::atomic<LogFormat> format_;
  std::atomic<LogLevel> level_;
  std::atomic<bool> keys_;

  LogLimits limits_;

  // Fixed by Start(). Null: the function is called directly, or there is none.
  std::unique_ptr<LogQueue> queue_;
};

// The log of this process for standard error, for gRPC's lines and for records
// that belong to no server. It exists until the process ends. The first use of
// it, or of a ServerLog without a function, starts the thread that writes to
// standard error.
ServerLog& ProcessLog();

// Writes `record` to `log`, or to ProcessLog() if `log` is empty.
void Log(const LogSink& log, LogRecord record);

}  // namespace pinion

#endif  // PINION_SERVER_LOG_SERVER_LOG_H_
