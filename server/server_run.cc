// SPDX-License-Identifier: Apache-2.0
//
// Server::Run(): a server's life as a program.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "pinion/core/base/patient_write.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/hosting/hosting_for_admin.h"
#include "pinion/server/hosting/listening_server.h"
#include "pinion/server/hosting/live_settings.h"
#include "pinion/server/hosting/process_setup.h"
#include "pinion/server/hosting/supervision.h"
#include "pinion/server/log.h"
#include "pinion/server/log/log_text.h"
#include "pinion/server/run_options.h"
#include "pinion/server/server.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/summary.h"

namespace pinion {
namespace {

constexpr int kStopped = 0;
constexpr int kCannotStart = 2;
constexpr int kHandlerStuck = 3;

// For what is printed. Who reads it does so at once; who does not must not keep
// the program from serving, or from ending.
constexpr std::chrono::seconds kPrintIsTaken(1);
constexpr absl::Duration kLastLinesAreTaken = absl::Milliseconds(50);

// SIGTERM and SIGINT, which end a server, and SIGHUP, if it reloads.
class Signals {
 public:
  // Has them wait for Await(), in this thread and those that it makes.
  explicit Signals(bool reloads) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    if (reloads) sigaddset(&signals_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }

  // Returns the next of them.
  int Await() const {
    int signal = 0;
    sigwait(&signals_, &signal);
    return signal;
  }
  // Returns when one comes that ends a server.
  void AwaitEnd() const {
    while (Await() == SIGHUP) {
    }
  }

  // Ends an AwaitEnd() on `thread`.
  static void Send(pthread_t thread) { pthread_kill(thread, SIGTERM); }

 private:
  sigset_t signals_;
};

// Flushes what others have left in stdio's buffers, if that is taken at once.
void FlushStdio() {
  auto flushed = std::make_shared<absl::Notification>();
  std::thread([flushed] {
    std::fflush(nullptr);
    flushed->Notify();
  }).detach();
  flushed->WaitForNotificationWithTimeout(kLastLinesAreTaken);
}

void Print(const std::string& text) {
  WriteWithin(STDOUT_FILENO, text, kPrintIsTaken);
}

std::string Announcement(Server& server, absl::string_view probes) {
  return absl::StrCat("listening on ", server.address(),
                      "; workers: ", server.scheduler().worker_count(),
                      ", I/O threads: ", server.io_threads(), "\n",
                      server.scheduler().cpu_plan().ToString(), probes,
                      server.hosting().DescribeServices());
}

// On standard error: nothing runs that would take lines.
void TellWhyNotStarted(const absl::Status& status, LogFormat format) {
  const LogRecord record = {
      .level = LogLevel::kError,
      .event = "cannot_start",
      .message = absl::StrCat("cannot start: ", status.message()),
      .time = absl::Now()};
  WriteWithin(STDERR_FILENO, absl::StrCat(LineOf(record, format), "\n"),
              kPrintIsTaken);
}

// `lost` says what of an operator's changes is gone; empty: nothing.
LogRecord ReloadRecord(const absl::StatusOr<std::string>& reloaded,
                       const std::string& lost) {
  if (reloaded.ok()) {
    return {.area = LogArea::kConfig,
            .event = "reloaded",
            .message = absl::StrCat("reloaded: ", *reloaded,
                                    lost.empty() ? "" : "; ", lost)};
  }
  return {.level = LogLevel::kError,
          .area = LogArea::kConfig,
          .event = "not_reloaded",
          .message = absl::StrCat("not reloaded: ", reloaded.status().message(),
                                  lost.empty() ? "" : "; ", lost)};
}

void GiveAccount(Server& server, bool as_table) {
  const ServerSnapshot snapshot = server.Snapshot();
  if (as_table) return Print(SummaryTable(snapshot));
  server.hosting().LogLine(
      {.area = LogArea::kStop,
       .event = "stopped",
       .message = absl::StrCat("stopped: ", SummaryLine(snapshot))});
}

}  // namespace

int Server::Run(const RunOptions& given) {
  OpenStandardDescriptors();
  IgnoreSigpipe();
  DontLookForDeadlocks();
  AllowManyFiles();
  RunOptions options = given;
  const Signals signals(options.reload != nullptr);
  internal::Supervision supervision(options);
  absl::Status status = supervision.Begin();
  if (status.ok()) status = Start();
  if (!status.ok()) {
    supervision.CannotStart(status.message());
    TellWhyNotStarted(status, hosting().options().log_format);
    return kCannotStart;
  }
  supervision.Started(hosting(), address());
  if (options.announce) Print(Announcement(*this, supervision.Describe()));
  if (options.started) options.started(*this);
  LiveSettings& settings = internal::HostingForAdmin::Settings(hosting());
  settings.LeaveLost();
  while (signals.Await() == SIGHUP) {
    supervision.Reloading();
    const auto reloaded = given.reload(*this, options);
    const LogRecord record = ReloadRecord(reloaded, settings.TakeLost());
    supervision.Reloaded(record.message);
    hosting().LogLine(record);
  }

  supervision.Stopping();
  std::atomic<bool> stopped{false};
  std::thread stopper([&, waiter = pthread_self()] {
    status = Stop();
    stopped = true;
    Signals::Send(waiter);
  });
  for (signals.AwaitEnd(); !stopped; signals.AwaitEnd()) HurryStop();
  stopper.join();
  // Here, and not by its end: a handler that is stuck has the process end
  // without.
  supervision.Stopped();
  if (!status.ok()) {
    hosting().LogLine({.level = LogLevel::kError,
                       .area = LogArea::kStop,
                       .event = "stop_gave_up",
                       .message = std::string(status.message())});
  }
  if (options.account) GiveAccount(*this, options.summary);
  const bool log_is_stuck = !hosting().FlushLog(kLastLinesAreTaken) &&
                            hosting().options().log != nullptr;
  if (status.ok() && !log_is_stuck) return kStopped;

  // A thread that runs a handler, or the user's log function, cannot be ended,
  // nor waited for; the destructor would.
  FlushStdio();
  std::_Exit(status.ok() ? kStopped : kHandlerStuck);
}

}  // namespace pinion
