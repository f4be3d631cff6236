// SPDX-License-Identifier: Apache-2.0
//
// ExpiryTimers: the timers of a Keyed's entries, and who is notified of the
//               next one.
//
// Threads: the shard's only.
// Example: timers.OnTimer([this](Moment at) { timer_.StartAt(at); });
//          timers.Arm(node, clock.Now() + span);
//          next = timers.RunTimers(clock.Now(), 256, remove);
#ifndef PINION_SERVER_KEYED_EXPIRY_TIMERS_H_
#define PINION_SERVER_KEYED_EXPIRY_TIMERS_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "pinion/core/clock.h"
#include "pinion/core/timer_queue.h"

namespace pinion::internal {

class ExpiryTimers {
 public:
  // Arms `timer` for `at`, whether it was armed before or not, and notifies if
  // that is earlier than what was last said.
  void Arm(Timer& timer, Moment at);
  // Disarms `timer`, if it is armed.
  void Disarm(Timer& timer) { timers_.Disarm(timer); }
  // Call it when a timer was copied to another place in memory.
  void Moved(Timer& timer) { timers_.Moved(timer); }

  // Takes the timer that has been due the longest; null if none is due at
  // `now`.
  Timer* PopDue(Moment now) { return timers_.PopDue(now); }

  // Takes up to `most` timers that are due at `now`, each for `expire`. Returns
  // when to call it again, which counts as said: none if no timer is armed.
  std::optional<Moment> RunTimers(Moment now, size_t most,
                                  absl::FunctionRef<void(Timer&)> expire);

  // When RunTimers() should next be called; none if no timer is armed.
  std::optional<Moment> NextTimer() const { return timers_.Next(); }

  // Calls `tell` when RunTimers() should be called earlier than what was last
  // said: what RunTimers() returned, or `tell` got. And now, if a timer is
  // armed. Null: calls nothing.
  void OnTimer(absl::AnyInvocable<void(Moment at)> tell);

  // The entries that were removed because they had expired.
  void CountExpired() { ++expired_; }
  uint64_t expired() const { return expired_; }

 private:
  TimerQueue timers_;
  // Notified of the next timer, and the time that it knows.
  absl::AnyInvocable<void(Moment at)> tell_;
  std::optional<Moment> told_;
  uint64_t expired_ = 0;
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_EXPIRY_TIMERS_H_
