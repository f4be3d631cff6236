// SPDX-License-Identifier: Apache-2.0
#include "server/front_door.h"

#include "absl/time/clock.h"

namespace pinion {

std::optional<Answer> FrontDoor::Enter(
    Lanes& lanes, std::optional<absl::string_view> asked_worker, Call* call) {
  // One word, so that a call is either counted before the door closes, or sees
  // that it is closed.
  if (word_.fetch_add(kOne, std::memory_order_acq_rel) & kClosed) {
    Leave();
    return Stopping();
  }
  call->inside = true;
  const absl::StatusOr<int> worker =
      router_.Route(*call->method, call->request, asked_worker, lanes);
  if (!worker.ok()) {
    return Failed(worker.status(), v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
  }
  return lanes.Admit(*worker, call);
}

void FrontDoor::Leave() {
  const uint64_t before = word_.fetch_sub(kOne, std::memory_order_acq_rel);
  if (before != kClosed + kOne) return;
  absl::MutexLock lock(&mutex_);
  emptied_.SignalAll();
}

void FrontDoor::Close() { word_.fetch_or(kClosed, std::memory_order_acq_rel); }

bool FrontDoor::AwaitEmpty(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mutex_);
  while (!Empty()) {
    if (emptied_.WaitWithDeadline(&mutex_, deadline)) return Empty();
  }
  return true;
}

}  // namespace pinion
