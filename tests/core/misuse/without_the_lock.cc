// SPDX-License-Identifier: Apache-2.0
//
// A member that a mutex guards is written without it.
#include <cstdint>

#include "pinion/core/base/mutex.h"

class Tally {
 public:
  void Add(uint64_t more) {
    // error: writing variable 'sum_' requires holding mutex 'mutex_'
    sum_ += more;
  }

 private:
  pinion::Mutex mutex_;
  uint64_t sum_ ABSL_GUARDED_BY(mutex_) = 0;
};
