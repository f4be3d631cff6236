// SPDX-License-Identifier: Apache-2.0
//
// Task: a function bound to one worker, which runs there when it is woken.
//
// Threads: anyone may Wake() it, the function itself included; the function
//          runs on its worker only, one run at a time.
// Promise: N wakes give 1 to N runs, at least one of which starts after the
//          last wake; each reason given is told to exactly one run.
// Example: Task* task = scheduler.AddTask(3, [](WakeReasons) { Drain(); });
//          task->Wake(kWakeItems);
#ifndef PINION_CORE_TASK_H_
#define PINION_CORE_TASK_H_

#include <atomic>
#include <cstdint>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "core/work_item.h"

namespace pinion {

class Worker;

// Why a task runs: a set of bits, of which 0 to 15 may be used.
using WakeReasons = uint32_t;
inline constexpr WakeReasons kWakeItems = 1 << 0;  // Its list has items.
inline constexpr WakeReasons kWakeOther = 1 << 1;  // Whatever the caller means.

// A task lives until its scheduler dies, so a wake never touches freed memory;
// woken after the stop, it does not run. Made by Scheduler::AddTask().
class Task : private WorkItem {
 public:
  using Function = absl::AnyInvocable<void(WakeReasons reasons)>;

  // Has the task run soon, and tells it `reasons`. Costs one atomic operation
  // if it is to run anyway, and at most one system call if its worker sleeps.
  void Wake(WakeReasons reasons = kWakeOther) {
    // Pairs with the exchange in Worker::RunWoken(). Its acquire, with our
    // release: the run sees what was done before this wake. Our acquire, with
    // its release: who queues the task again sees it unlinked. A task that is
    // queued already has not had its reasons taken, so it takes these too.
    const uint32_t before =
        state_.fetch_or(reasons | kQueued, std::memory_order_acq_rel);
    if ((before & kQueued) == 0) Enqueue();
  }

 private:
  friend class Scheduler;
  friend class Worker;
  friend class Inbox;
  friend class WorkChain;

  static constexpr uint32_t kQueued = 1 << 16;

  Task(Worker& worker, Function function)
      : worker_(worker), function_(std::move(function)) {}

  void Enqueue();

  // Fixed at construction; anyone may read.
  Worker& worker_;

  // Shared: the reasons not yet told, and whether the task is in, or on its
  // way into, its worker's inbox.
  std::atomic<uint32_t> state_{0};

  // The worker's alone.
  Function function_;
};

}  // namespace pinion

#endif  // PINION_CORE_TASK_H_
