// SPDX-License-Identifier: Apache-2.0
//
// ShardTimer: runs a function of a shard at a time, or again and again, on the
//             shard's worker, at a class of the caller's choice.
//
// Threads: the shard's worker; so its function needs no lock either. A debug
//          build stops at a call from elsewhere.
// Time:    by ShardInfo::clock(), in nanoseconds; not earlier than asked for,
//          and later by what the worker does before, as for a call of that
//          class. Under a fake clock it runs when that has been set on and the
//          worker stepped.
// Begin:   none runs before all shards of the service are made.
// Stop:    none begins once the server ends its workers, when all calls have
//          been answered.
// Cost:    a timer is the shard's own memory, so there is no bound to meet.
//          Starting and cancelling take the logarithm of how many are started
//          in its class.
// Example: class Cache {
//           public:
//            explicit Cache(const ShardInfo& info)
//                : sweep_(info, TaskClass::kBulk, [this] { Sweep(); }) {
//              sweep_.StartEvery(std::chrono::seconds(10));
//            }
//           private:
//            ShardTimer sweep_;
//          };
#ifndef PINION_SERVER_SHARD_TIMER_H_
#define PINION_SERVER_SHARD_TIMER_H_

#include <chrono>

#include "core/clock.h"
#include "core/task.h"
#include "server/own_work.h"
#include "server/shard_info.h"

namespace pinion {

class ShardTimer final : private OwnTimer {
 public:
  using Function = OwnWork::Function;

  // Of the shard of `info`, which outlives it. `function` may do anything with
  // its timer, also destroy it.
  ShardTimer(const ShardInfo& info, TaskClass task_class, Function function);
  ~ShardTimer();  // Cancels.
  ShardTimer(const ShardTimer&) = delete;
  ShardTimer& operator=(const ShardTimer&) = delete;

  // Has the function run once, at `at`, or `span` from now: in place of what
  // was asked for before. What has passed is now; more than a hundred years
  // from now is a hundred years.
  void StartAt(Moment at);
  void StartAfter(std::chrono::nanoseconds span);

  // The same each `period`, above 0, for the first time one period from now.
  // What is late is run once and then in step again: times that have passed
  // meanwhile are left out.
  void StartEvery(std::chrono::nanoseconds period);

  // The function does not run any more until it is started again.
  void Cancel();

  // Whether it is to run. In its function: only if that, or a period, has
  // started it again.
  bool started() const;

 private:
  void Fire(Moment now) override;
  void StartAfter(std::chrono::nanoseconds span, Moment now);

  // Fixed at construction.
  OwnWork& own_work_;
  const Clock clock_;
  const TaskClass task_class_;

  // The worker's alone.
  Function function_;
  Moment due_;
  std::chrono::nanoseconds period_{0};  // 0: it runs once.
  bool* destroyed_ = nullptr;  // While its function runs: what to tell.
};

}  // namespace pinion

#endif  // PINION_SERVER_SHARD_TIMER_H_
