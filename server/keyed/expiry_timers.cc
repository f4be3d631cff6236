// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/keyed/expiry_timers.h"

#include <utility>

namespace pinion::internal {

void ExpiryTimers::Arm(Timer& timer, Moment at) {
  timers_.Arm(timer, at);
  if (tell_ == nullptr) return;
  if (told_.has_value() && *told_ <= at) return;
  told_ = at;
  tell_(at);
}

std::optional<Moment> ExpiryTimers::RunTimers(
    Moment now, size_t most, absl::FunctionRef<void(Timer&)> expire) {
  for (; most > 0; --most) {
    Timer* due = PopDue(now);
    if (due == nullptr) break;
    expire(*due);
  }
  return told_ = NextTimer();
}

void ExpiryTimers::OnTimer(absl::AnyInvocable<void(Moment at)> tell) {
  tell_ = std::move(tell);
  told_ = NextTimer();
  if (tell_ != nullptr && told_.has_value()) tell_(*told_);
}

}  // namespace pinion::internal
