// SPDX-License-Identifier: Apache-2.0
//
// ShardTimer: runs a function on the shard's worker at a given time, or again
//             and again, at a class that you choose.
//
// Threads: the shard's worker only, so its function needs no lock either. A
//          debug build stops the program at a call from another thread.
// Time:    by ShardInfo::clock(), in nanoseconds. The function never runs too
//          early. It runs late when the worker is busy, as a call of that class
//          would. Under a fake clock, advance the clock and step the worker.
// Begin:   no timer runs before all shards of the service are made.
// Stop:    no timer starts after the server has begun to end its workers, when
//          all calls are answered.
// Cost:    a timer is the shard's own memory, so no limit applies. Starting and
//          cancelling take time that grows with the logarithm of the number of
//          started timers of that class.
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

#include "absl/functional/any_invocable.h"
#include "pinion/core/clock.h"
#include "pinion/core/task.h"
#include "pinion/server/internal/background_timer.h"
#include "pinion/server/shard_info.h"

namespace pinion {

class ShardTimer final : private BackgroundTimer {
 public:
  using Function = absl::AnyInvocable<void()>;

  // Belongs to the shard of `info`, which must outlive the timer. `function`
  // may do anything with its timer, even destroy it.
  ShardTimer(const ShardInfo& info, TaskClass task_class, Function function);
  ~ShardTimer();  // Cancels it.
  ShardTimer(const ShardTimer&) = delete;
  ShardTimer& operator=(const ShardTimer&) = delete;

  // Runs the function once, at `at`, or `span` from now; replaces any earlier
  // start. A time in the past counts as now, and a time more than a hundred
  // years from now as a hundred years.
  void StartAt(Moment at);
  void StartAfter(std::chrono::nanoseconds span);

  // Runs the function every `period`, above 0; the first run is one period from
  // now. After a delay it runs once and then returns to its rhythm: it skips
  // the times that have passed. For work that goes on after the function, in
  // posted steps, let the last step call StartAfter() instead: it cannot be
  // started a second time before it ends.
  void StartEvery(std::chrono::nanoseconds period);

  // Stops the timer until it is started again.
  void Cancel();

  // Whether the function will run. Inside the function: only if the function or
  // a period has started the timer again.
  bool started() const;

 private:
  void Fire(Moment now) override;
  void StartAfter(std::chrono::nanoseconds span, Moment now);

  // Fixed at construction.
  BackgroundWork& background_work_;
  const Clock clock_;
  const TaskClass task_class_;

  // For the worker only.
  Function function_;
  Moment due_;
  std::chrono::nanoseconds period_{0};  // 0: the timer runs once.
  // While the function runs: set when the timer is destroyed.
  bool* destroyed_ = nullptr;
};

}  // namespace pinion

#endif  // PINION_SERVER_SHARD_TIMER_H_
