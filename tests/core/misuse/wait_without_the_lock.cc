// SPDX-License-Identifier: Apache-2.0
//
// A wait for a change without the mutex that guards what changes.
#include <chrono>

#include "pinion/core/base/mutex.h"

void Await(pinion::Mutex& mutex, pinion::CondVar& changed) {
  // error: calling function 'WaitUntil' requires holding mutex 'mutex'
  changed.WaitUntil(mutex, std::chrono::steady_clock::now());
}
