// SPDX-License-Identifier: Apache-2.0
//
// Any thread writes a member that belongs to the one with the role.
#include <cstdint>

#include "pinion/core/base/thread_role.h"

class Worker {
 public:
  void Count() {
    // error: writing variable 'rounds_' requires holding mutex 'worker_thread_'
    ++rounds_;
  }

 private:
  pinion::ThreadRole worker_thread_;
  uint64_t rounds_ ABSL_GUARDED_BY(worker_thread_) = 0;
};
