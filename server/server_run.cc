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

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "pinion/core/base/patient_write.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/hosting/listening_server.h"
#include "pinion/server/hosting/process_setup.h"
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

// SIGTERM and SIGINT, which end a server.
class EndSignals {
 public:
  // Has them wait for Await(), in this thread and those that it makes.
  EndSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }

  void Await() const {
    int signal = 0;
    sigwait(&signals_, &signal);
  }

  // Ends an Await() on `thread`.
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

std::string Announcement(Server& server) {
  return absl::StrCat("listening on ", server.address(),
                      "; workers: ", server.scheduler().worker_count(),
                      ", I/O threads: ", server.io_threads(), "\n",
                      server.scheduler().cpu_plan().ToString(),
                      server.hosting().DescribeServices());
}

void GiveAccount(Server& server, bool as_table) {
  const ServerSnapshot snapshot = server.Snapshot();
  if (as_table) return Print(SummaryTable(snapshot));
  server.hosting().LogLine(absl::StrCat("stopped: ", SummaryLine(snapshot)));
}

}  // namespace

int Server::Run(const RunOptions& options) {
  OpenStandardDescriptors();
  IgnoreSigpipe();
  DontLookForDeadlocks();
  AllowManyFiles();
  const EndSignals signals;
  if (const absl::Status status = Start(); !status.ok()) {
    WriteWithin(STDERR_FILENO,
                absl::StrCat("cannot start: ", status.message(), "\n"),
                kPrintIsTaken);
    return kCannotStart;
  }
  if (options.announce) Print(Announcement(*this));
  if (options.started) options.started(*this);
  signals.Await();

  std::atomic<bool> stopped{false};
  absl::Status status;
  std::thread stopper([&, waiter = pthread_self()] {
    status = Stop();
    stopped = true;
    EndSignals::Send(waiter);
  });
  for (signals.Await(); !stopped; signals.Await()) HurryStop();
  stopper.join();
  if (!status.ok()) hosting().LogLine(status.message());
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
