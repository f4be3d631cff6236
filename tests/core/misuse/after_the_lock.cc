// SPDX-License-Identifier: Apache-2.0
//
// A member that a mutex guards is read when the lock has ended.
#include <cstdint>

#include "pinion/core/base/mutex.h"

class Tally {
 public:
  uint64_t Add(uint64_t more) {
    {
      pinion::MutexLock lock(mutex_);
      sum_ += more;
    }
    // error: reading variable 'sum_' requires holding mutex 'mutex_'
    return sum_;
  }

 private:
  pinion::Mutex mutex_;
  uint64_t sum_ ABSL_GUARDED_BY(mutex_) = 0;
};
