// SPDX-License-Identifier: Apache-2.0
//
// A thread claims the role, and another one that it starts relies on that.
#include <thread>

#include "pinion/core/base/thread_role.h"

class Worker {
 public:
  void Start() {
    worker_thread_.Claim();
    // error: calling function 'Round' requires holding mutex 'worker_thread_'
    thread_ = std::thread([this] { Round(); });
  }

 private:
  void Round() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_) {}

  std::thread thread_;
  pinion::ThreadRole worker_thread_;
};
