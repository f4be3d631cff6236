// SPDX-License-Identifier: Apache-2.0
//
// KeyedExpiry: removes the expired entries of a Keyed in steps, between which
//              calls run.
//
// Threads: the shard's worker only.
// Cost:    one step removes up to 256 entries, in about 50 us. After some steps
//          other work of the class gets its turn; urgent calls wait for one
//          step.
// Example: Keyed<Account> accounts_{{.key_seed = info.key_seed(),
//                                    .clock = info.clock()}};
//          KeyedExpiry<Account> expiry_{info, accounts_};  // Comes after it.
#ifndef PINION_SERVER_KEYED_KEYED_EXPIRY_H_
#define PINION_SERVER_KEYED_KEYED_EXPIRY_H_

#include <cstddef>
#include <optional>

#include "pinion/core/clock.h"
#include "pinion/core/task.h"
#include "pinion/server/keyed/keyed.h"
#include "pinion/server/shard_info.h"
#include "pinion/server/shard_timer.h"

namespace pinion {

template <typename State>
class KeyedExpiry {
 public:
  // Serves `keyed`, which must have the clock of `info`. Both must outlive it.
  // A Keyed can have one KeyedExpiry.
  KeyedExpiry(const ShardInfo& info, Keyed<State>& keyed,
              TaskClass task_class = TaskClass::kBulk)
      : keyed_(keyed), timer_(info, task_class, [this] { Step(); }) {
    keyed_.OnTimer([this](Moment at) { timer_.StartAt(at); });
  }
  ~KeyedExpiry() { keyed_.OnTimer(nullptr); }
  KeyedExpiry(const KeyedExpiry&) = delete;
  KeyedExpiry& operator=(const KeyedExpiry&) = delete;

 private:
  static constexpr size_t kMaxInOneStep = 256;

  void Step() {
    const std::optional<Moment> next = keyed_.RunTimers(kMaxInOneStep);
    if (next.has_value()) timer_.StartAt(*next);
  }

  Keyed<State>& keyed_;
  ShardTimer timer_;
};

}  // namespace pinion

#endif  // PINION_SERVER_KEYED_KEYED_EXPIRY_H_
