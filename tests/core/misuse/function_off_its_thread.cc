// SPDX-License-Identifier: Apache-2.0
//
// Any thread calls a function that only the one with the role may call.
#include <thread>

#include "pinion/core/base/thread_role.h"

class Worker {
 public:
  void Start() {
    thread_ = std::thread([this] {
      worker_thread_.Claim();
      Round();
    });
  }

  // The caller's thread, not the one that Start() made.
  void Poke() {
    // error: calling function 'Round' requires holding mutex 'worker_thread_'
    Round();
  }

 private:
  void Round() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_) {}

  std::thread thread_;
  pinion::ThreadRole worker_thread_;
};
