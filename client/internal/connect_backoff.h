// SPDX-License-Identifier: Apache-2.0
//
// ConnectBackoff: when the next attempt to get a session may begin, and how
//                 long calls wait for one that does not come.
//
// Threads: one at a time; its owner locks it. The owner says what time it is.
// Why:     attempts may fail for longer than a call should wait. So the time
//          that calls wait counts from the first attempt that failed, and
//          goes on from attempt to attempt.
// Example: if (now < connect.next_attempt()) return;
//          connect.AttemptBegins(now);
//          ...
//          connect.Connected();                // Or:
//          connect.AttemptFailed(why, now, budget.Backoff(...));
//          if (now >= connect.due_at()) FailWaiting(connect.last_failure());
#ifndef PINION_CLIENT_INTERNAL_CONNECT_BACKOFF_H_
#define PINION_CLIENT_INTERNAL_CONNECT_BACKOFF_H_

#include <chrono>

#include "absl/status/status.h"
#include "pinion/client/internal/call_table.h"

namespace pinion::client_internal {

class ConnectBackoff {
 public:
  // Calls wait for a session for up to `timeout`.
  explicit ConnectBackoff(std::chrono::nanoseconds timeout)
      : timeout_(timeout) {}

  std::chrono::nanoseconds timeout() const { return timeout_; }

  // The earliest time of the next attempt.
  SteadyTime next_attempt() const { return next_attempt_; }

  // How many attempts in a row got no session by which a call succeeded.
  int failures() const { return failures_; }

  // Why the last session ended, or did not come; OK: there was none.
  const absl::Status& last_failure() const { return last_failure_; }

  // When calls have waited long enough; kNever: no attempt is failing.
  SteadyTime due_at() const;
  // The same, while an attempt is under way that began at `began`.
  SteadyTime DueAt(SteadyTime began) const;

  void AttemptBegins(SteadyTime now);
  // The attempt has brought a session that accepts calls.
  void Connected() { failing_since_ = kNever; }
  void CallSucceeded() { failures_ = 0; }

  // The attempt brought no session, or one that answered nothing. The next one
  // begins after `backoff`.
  void AttemptFailed(const absl::Status& why, SteadyTime now,
                     std::chrono::nanoseconds backoff);
  // A session that has answered calls has ended: the next attempt may begin at
  // once.
  void SessionEnded(const absl::Status& why);
  // The same; its end is no failure, and calls are never told of it.
  void SessionDrains() { next_attempt_ = SteadyTime::min(); }

 private:
  const std::chrono::nanoseconds timeout_;
  int failures_ = 0;
  SteadyTime failing_since_ = kNever;
  absl::Status last_failure_;
  SteadyTime next_attempt_ = SteadyTime::min();
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_CONNECT_BACKOFF_H_
