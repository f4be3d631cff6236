// SPDX-License-Identifier: Apache-2.0
//
// A function locks a mutex that it holds, and would wait for itself.
#include "pinion/core/base/mutex.h"

void LockTwice(pinion::Mutex& mutex) {
  pinion::MutexLock lock(mutex);
  // error: acquiring mutex 'mutex' that is already held
  pinion::MutexLock again(mutex);
}
