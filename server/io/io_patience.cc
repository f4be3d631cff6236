// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/io/io_patience.h"

#include "pinion/core/base/check.h"

namespace pinion {

IoPatience::IoPatience(IoThread& io, std::chrono::nanoseconds max)
    : max_(max), timer_(io, *this, &IoPatience::OnTimer) {}

void IoPatience::Begin(Wait& wait) {
  PINION_DCHECK(!wait.linked(), "it is under way already");
  wait.begun_ = clock_.Now();
  waits_.PushBack(wait);
  // One that ends in time leaves the timer as it is: most do, and a timer costs
  // more than to be told in vain once in a while.
  if (!timer_.under_way() && !stopped_) timer_.Set(max_);
}

void IoPatience::End(Wait& wait) {
  if (wait.linked()) waits_.Remove(wait);
}

void IoPatience::Stop() {
  stopped_ = true;
  timer_.Cancel();
}

void IoPatience::OnTimer(bool) {
  const Moment now = clock_.Now();
  Wait* first;
  while ((first = waits_.front()) != nullptr && now - first->begun_ >= max_) {
    End(*first);
    first->OnOverdue();
  }
  if (first != nullptr && !stopped_ && !timer_.under_way()) {
    timer_.Set(max_ - (now - first->begun_));
  }
}

}  // namespace pinion
