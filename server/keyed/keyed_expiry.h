// SPDX-License-Identifier: Apache-2.0
//
// KeyedExpiry: lets the entries of a Keyed go by themselves when their time has
//              passed, in steps between which calls run.
//
// Threads: the shard's worker.
// Cost:    a step lets up to 256 entries go, some 50 us. After some steps,
//          others of the class have their turn; urgent calls wait for one step.
// Example: Keyed<Account> accounts_{{.key_seed = info.key_seed(),
//                                    .clock = info.clock()}};
//          KeyedExpiry<Account> expiry_{info, accounts_};  // Behind it.
#ifndef PINION_SERVER_KEYED_KEYED_EXPIRY_H_
#define PINION_SERVER_KEYED_KEYED_EXPIRY_H_

#include <cstddef>
#include <optional>

#include "core/clock.h"
#include "core/task.h"
#include "server/keyed/keyed.h"
#include "server/shard_info.h"
#include "server/shard_timer.h"

namespace pinion {

template <typename State>
class KeyedExpiry {
 public:
  // For `keyed`, whose clock is that of `info`; both outlive it. A Keyed has
  // one.
  KeyedExpiry(const ShardInfo& info, Keyed<State>& keyed,
              TaskClass task_class = TaskClass::kBulk)
      : keyed_(keyed), timer_(info, task_class, [this] { Step(); }) {
    keyed_.OnTimer([this](Moment at) { timer_.StartAt(at); });
  }
  ~KeyedExpiry() { keyed_.OnTimer(nullptr); }
  KeyedExpiry(const KeyedExpiry&) = delete;
  KeyedExpiry& operator=(const KeyedExpiry&) = delete;

 private:
  static constexpr size_t kMostInOneStep = 256;

  void Step() {
    const std::optional<Moment> next = keyed_.RunTimers(kMostInOneStep);
    if (next.has_value()) timer_.StartAt(*next);
  }

  Keyed<State>& keyed_;
  ShardTimer timer_;
};

}  // namespace pinion

#endif  // PINION_SERVER_KEYED_KEYED_EXPIRY_H_
