// SPDX-License-Identifier: Apache-2.0
//
// Interrupts: takes SIGINT and SIGTERM away from all threads that are started
//             from now on, so that Await() gets them.
// InterruptsEndProgram: while it lives, they end the program all the same: for
//             a wait in which nobody awaits them.
//
// Threads: one thread makes them; one thread awaits.
// Example: Interrupts interrupts;
//          if (interrupts.Await(absl::Milliseconds(20))) load.Stop();
#ifndef PINION_CLIENT_CLI_INTERRUPTS_H_
#define PINION_CLIENT_CLI_INTERRUPTS_H_

#include <csignal>
#include <ctime>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace pinion::cli {

class Interrupts {
 public:
  Interrupts() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  ~Interrupts() { pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr); }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // True if one came within that time. From then on each has its usual effect,
  // which is to end the program.
  bool Await(absl::Duration time) {
    const timespec wait = absl::ToTimespec(time);
    if (came_ != 0) {
      nanosleep(&wait, nullptr);
      return false;
    }
    const int signal = sigtimedwait(&signals_, nullptr, &wait);
    if (signal < 0) return false;
    came_ = signal;
    pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
    return true;
  }

  // The one that came; 0: none.
  int came() const { return came_; }

 private:
  sigset_t signals_;
  int came_ = 0;
};

class InterruptsEndProgram {
 public:
  // Its thread is the one that the kernel finds to take them.
  InterruptsEndProgram()
      : thread_([this] {
          sigset_t signals;
          sigemptyset(&signals);
          sigaddset(&signals, SIGINT);
          sigaddset(&signals, SIGTERM);
          pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
          over_.WaitForNotification();
        }) {}
  ~InterruptsEndProgram() {
    over_.Notify();
    thread_.join();
  }
  InterruptsEndProgram(const InterruptsEndProgram&) = delete;
  InterruptsEndProgram& operator=(const InterruptsEndProgram&) = delete;

 private:
  absl::Notification over_;
  std::thread thread_;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_INTERRUPTS_H_
