// SPDX-License-Identifier: Apache-2.0
//
// Silence: what to do about a session that receives nothing: ping its server,
//          and then give the session up.
//
// Threads: one at a time; its owner locks it. The owner says what time it is.
// Why:     a frozen connection looks like a slow server. But a live server must
//          say some things at once: that a call has expired or is cancelled, or
//          the answer to a ping (a call of an unknown method). Then it *owes* a
//          message. A server that owes one and is not heard counts as dead; a
//          slow server still sends these.
// Example: silence.Watch(now);           // A call was written.
//          silence.Owe(now, last_heard); // It expired, and nothing was said.
//          if (silence.Look(now, last_heard, has_calls) == Action::kGiveUp)
//            Leave();
//          WakeAt(silence.look_at());
#ifndef PINION_CLIENT_INTERNAL_SILENCE_H_
#define PINION_CLIENT_INTERNAL_SILENCE_H_

#include <algorithm>
#include <chrono>

#include "pinion/client/internal/call_table.h"

namespace pinion::client_internal {

class Silence {
 public:
  struct Limits {
    // How long the server of open calls may be silent before it is pinged.
    std::chrono::nanoseconds ask_after;
    // How late an owed message may come.
    std::chrono::nanoseconds give_up_after;
  };
  enum class Action {
    kNone,
    kAsk,     // Ping it; from now on it owes a message.
    kGiveUp,  // It counts as dead.
  };

  explicit Silence(const Limits& limits) : limits_(limits) {}

  // Whether silence counts, as it does while calls are open.
  bool watched() const { return watched_; }
  void Watch(SteadyTime now) {
    watched_ = true;
    quiet_since_ = now;
  }

  // The server owes a message at once; the last one came at `heard`.
  void Owe(SteadyTime now, SteadyTime heard) {
    if (owed_since_ == kNever || heard > owed_since_) {
      owed_since_ = now;
      in_doubt_since_ = kNever;
    }
    looked_at_ = now;
  }

  // What to do now.
  Action Look(SteadyTime now, SteadyTime heard, bool has_calls) {
    looked_at_ = now;
    if (heard > owed_since_) owed_since_ = kNever;
    quiet_since_ = std::max(quiet_since_, heard);
    if (!has_calls) watched_ = false;
    if (owed_since_ != kNever) return IsDead(now);
    if (!watched_ || now < After(quiet_since_, limits_.ask_after)) {
      return Action::kNone;
    }
    owed_since_ = now;
    in_doubt_since_ = kNever;
    return Action::kAsk;
  }

  // When to look again; kNever: not before something happens.
  SteadyTime look_at() const {
    if (owed_since_ != kNever) {
      // The message may have come long before.
      return std::min(give_up_at(), After(looked_at_, limits_.ask_after));
    }
    return watched_ ? After(quiet_since_, limits_.ask_after) : kNever;
  }

 private:
  // If the owner is late with the look, it may be late with reading, too, as
  // when the process was stopped for a while. It reads meanwhile what has come
  // by now.
  Action IsDead(SteadyTime now) {
    if (now < give_up_at()) return Action::kNone;
    if (in_doubt_since_ != kNever) return Action::kGiveUp;
    in_doubt_since_ = now;
    return Action::kNone;
  }
  SteadyTime give_up_at() const {
    return in_doubt_since_ == kNever
               ? After(owed_since_, limits_.give_up_after)
               : After(in_doubt_since_, limits_.give_up_after / 8);
  }

  const Limits limits_;
  bool watched_ = false;
  SteadyTime looked_at_ = SteadyTime::min();
  SteadyTime quiet_since_ = SteadyTime::min();  // While it is watched.
  SteadyTime owed_since_ = kNever;              // kNever: nothing is owed.
  SteadyTime in_doubt_since_ = kNever;          // When that was long ago.
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_SILENCE_H_
