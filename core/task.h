// SPDX-License-Identifier: Apache-2.0
//
// Task: a function bound to one worker, which runs there when it is woken.
//
// Threads: anyone may Wake() and Kill() it, the function itself included; the
//          function runs on its worker only, one run at a time.
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
#include "core/check.h"
#include "core/cycle_clock.h"
#include "core/work_item.h"

namespace pinion {

class Worker;

// Why a task runs: a set of bits, of which 0 to 15 may be used.
using WakeReasons = uint32_t;
inline constexpr WakeReasons kWakeItems = 1 << 0;  // Its list has items.
inline constexpr WakeReasons kWakeOther = 1 << 1;  // Whatever the caller means.
// Its last run left work: what only the task's own function says, of itself.
inline constexpr WakeReasons kWakeMore = 1 << 2;

// In which order a worker serves its woken tasks; see WorkerOptions.
enum class TaskClass { kUrgent, kNormal, kBulk };
inline constexpr int kTaskClasses = 3;

// What a task has cost so far. Read on its worker, or after that has stopped.
struct TaskStats {
  uint64_t runs = 0;
  uint64_t run_ns = 0;     // In its function.
  uint64_t waited_ns = 0;  // From the wake that queued it to the run.
};

// A task lives until its scheduler dies, so a wake never touches freed memory;
// woken after its death or after the stop, it does not run. Made by
// Scheduler::AddTask().
class Task : private WorkItem {
 public:
  using Function = absl::AnyInvocable<void(WakeReasons reasons)>;

  // Has the task run soon, and tells it `reasons`. Costs one atomic operation
  // if it is to run anyway, and at most one system call if its worker sleeps.
  void Wake(WakeReasons reasons = kWakeOther) {
    PINION_DCHECK(reasons < kQueued, "reasons are the bits 0 to 15");
    Queue(reasons);
  }

  // Has the task never run again; a run under way ends. Its function is
  // destroyed, once, on its worker, soon: with what it holds.
  void Kill() { Queue(kDead); }

  // On its worker, or after that has stopped.
  TaskStats stats() const {
    return {.runs = runs_,
            .run_ns = CycleClock::ToNanos(run_ticks_),
            .waited_ns = CycleClock::ToNanos(waited_ticks_)};
  }

 private:
  friend class Scheduler;
  friend class Worker;
  friend class Inbox;
  friend class WorkChain;

  // The state word: the reasons not yet told (bits 0 to 15), whether the task
  // is in, or on its way into, its worker's inbox, and whether it is killed.
  static constexpr uint32_t kQueued = 1 << 16;
  static constexpr uint32_t kDead = 1 << 17;

  Task(Worker& worker, TaskClass task_class, Function function)
      : worker_(worker), class_(task_class), function_(std::move(function)) {}

  // Adds `bits` to the state, and the task to its worker's inbox unless it is
  // there or dead. Who makes it dead adds it a last time, to be let go.
  void Queue(uint32_t bits) {
    // Pairs with the swap in Worker::Run(Task&). Its acquire, with our release:
    // the run sees what was done before this wake. Our acquire, with its
    // release: who queues the task again sees it unlinked. A task that is
    // queued already has not had its reasons taken, so it takes these too.
    const uint32_t before =
        state_.fetch_or(bits | kQueued, std::memory_order_acq_rel);
    if ((before & (kQueued | kDead)) == 0) Enqueue();
  }

  void Enqueue();

  // Fixed at construction; anyone may read.
  Worker& worker_;
  const TaskClass class_;

  // Shared.
  std::atomic<uint32_t> state_{0};

  // Written by who queued the task, before it is in the inbox.
  uint64_t queued_at_ = 0;

  // The worker's alone.
  Function function_;
  uint64_t last_round_ = 0;
  bool left_work_ = false;  // Its last run asked for another by kWakeMore.
  uint64_t runs_ = 0;
  uint64_t run_ticks_ = 0;
  uint64_t waited_ticks_ = 0;
};

}  // namespace pinion

#endif  // PINION_CORE_TASK_H_
