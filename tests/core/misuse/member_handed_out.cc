// SPDX-License-Identifier: Apache-2.0
//
// A member that belongs to one thread is passed on, for anyone to write later.
#include <cstdint>
#include <functional>

#include "pinion/core/base/thread_role.h"

class Worker {
 public:
  void Report(const std::function<void(uint64_t&)>& to) {
    // error: passing variable 'rounds_' by reference requires holding mutex
    to(rounds_);
  }

 private:
  pinion::ThreadRole worker_thread_;
  uint64_t rounds_ ABSL_GUARDED_BY(worker_thread_) = 0;
};
