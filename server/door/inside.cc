// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/door/inside.h"

#include <chrono>

namespace pinion {

void Inside::Leave(int64_t calls) {
  const uint64_t left = calls * kOne;
  // Release, with the acquire in Empty().
  const uint64_t before = word_.fetch_sub(left, std::memory_order_acq_rel);
  if (before != kClosed + left) return;
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

void Inside::Close() { word_.fetch_or(kClosed, std::memory_order_acq_rel); }

bool Inside::AwaitEmpty(absl::Duration timeout) {
  const auto deadline =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
  MutexLock lock(mutex_);
  while (!Empty() && !given_up_) {
    if (!changed_.WaitUntil(mutex_, deadline)) break;
  }
  return Empty();
}

void Inside::GiveUpWaiting() {
  MutexLock lock(mutex_);
  given_up_ = true;
  changed_.NotifyAll();
}

}  // namespace pinion
