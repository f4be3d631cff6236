// SPDX-License-Identifier: Apache-2.0
//
// ThreadWithoutSignals: starts a thread that takes none of the process's
//                       signals: another thread awaits them or has a handler.
//
// Threads: any thread.
// Example: thread_ = ThreadWithoutSignals([this] { Loop(); });
#ifndef PINION_CORE_BASE_THREAD_WITHOUT_SIGNALS_H_
#define PINION_CORE_BASE_THREAD_WITHOUT_SIGNALS_H_

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace pinion {

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

}  // namespace pinion

#endif  // PINION_CORE_BASE_THREAD_WITHOUT_SIGNALS_H_
