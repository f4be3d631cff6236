// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/connect_backoff.h"

namespace pinion::client_internal {

SteadyTime ConnectBackoff::due_at() const {
  if (failing_since_ == kNever) return kNever;
  return After(failing_since_, timeout_);
}

SteadyTime ConnectBackoff::DueAt(SteadyTime began) const {
  // One that is tried when others have failed for long has time of its own.
  const SteadyTime due = due_at();
  return began < due ? due : After(began, timeout_);
}

void ConnectBackoff::AttemptBegins(SteadyTime now) {
  if (failing_since_ == kNever) failing_since_ = now;
}

void ConnectBackoff::AttemptFailed(const absl::Status& why, SteadyTime now,
                                   std::chrono::nanoseconds backoff) {
  ++failures_;
  last_failure_ = why;
  if (failing_since_ == kNever) failing_since_ = now;
  next_attempt_ = After(now, backoff);
}

void ConnectBackoff::SessionEnded(const absl::Status& why) {
  last_failure_ = why;
  next_attempt_ = SteadyTime::min();
}

}  // namespace pinion::client_internal
