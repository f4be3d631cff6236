// SPDX-License-Identifier: Apache-2.0
//
// Server::Run(): a server's life as a program.
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "server/log.h"
#include "server/server.h"

namespace pinion {
namespace {

constexpr int kStopped = 0;
constexpr int kCannotStart = 2;
constexpr int kHandlerStuck = 3;

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

}  // namespace

int Server::Run(std::function<void(const Server&)> started) {
  const EndSignals signals;
  if (const absl::Status status = Start(); !status.ok()) {
    std::fprintf(stderr, "cannot start: %s\n",
                 std::string(status.message()).c_str());
    return kCannotStart;
  }
  if (started) started(*this);
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
  if (status.ok()) return kStopped;

  // A thread that runs a handler cannot be ended, nor waited for.
  Log(options_.log, status.message());
  std::fflush(nullptr);
  std::_Exit(kHandlerStuck);
}

}  // namespace pinion
