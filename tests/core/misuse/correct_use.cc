// SPDX-License-Identifier: Apache-2.0
//
// What the other files here do, done right: it compiles.
#include <chrono>
#include <cstdint>
#include <thread>

#include "pinion/core/base/mutex.h"
#include "pinion/core/base/thread_role.h"
#include "pinion/core/worker.h"

class Worker {
 public:
  void Start() {
    thread_ = std::thread([this] { Loop(); });
  }

  // Through a function object the compiler cannot see who calls.
  auto CountLater() {
    return [this] {
      worker_thread_.Assert();
      Count();
    };
  }

  void AwaitReport(std::chrono::steady_clock::time_point deadline) {
    pinion::MutexLock lock(mutex_);
    while (reported_ == 0 && changed_.WaitUntil(mutex_, deadline)) {
    }
  }

 private:
  void Loop() {
    worker_thread_.Claim();
    Count();
    pinion::MutexLock lock(mutex_);
    reported_ = rounds_;
    changed_.NotifyAll();
  }
  void Count() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_) { ++rounds_; }

  std::thread thread_;
  pinion::ThreadRole worker_thread_;
  uint64_t rounds_ ABSL_GUARDED_BY(worker_thread_) = 0;
  pinion::Mutex mutex_;
  pinion::CondVar changed_;
  uint64_t reported_ ABSL_GUARDED_BY(mutex_) = 0;
};

bool HasStopped(const pinion::Worker& worker) { return worker.ended(); }
