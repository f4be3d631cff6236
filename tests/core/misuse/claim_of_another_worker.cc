// SPDX-License-Identifier: Apache-2.0
//
// A worker has its own role, and touches what is another worker's.
#include <cstdint>

#include "pinion/core/base/thread_role.h"

class Worker {
 public:
  void StealFrom(Worker& other) {
    worker_thread_.Assert();
    // error: 'rounds_' requires holding mutex 'other.worker_thread_'
    --other.rounds_;
    ++rounds_;
  }

 private:
  pinion::ThreadRole worker_thread_;
  uint64_t rounds_ ABSL_GUARDED_BY(worker_thread_) = 0;
};
