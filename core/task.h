// SPDX-License-Identifier: Apache-2.0
//
// Task: a function bound to one worker, which runs there when it is woken.
//
// Threads: anyone may call all of it, the function itself included; the
//          function runs on its worker only, one run at a time.
// Promise: N wakes give 1 to N runs, at least one of which starts after the
//          last wake; each reason given is told to exactly one run.
// Example: Task* task = scheduler.AddTask(3, [](WakeReasons) { Drain(); });
//          task->Wake(kWakeItems);
//          task->WakeAfter(std::chrono::milliseconds(5));
#ifndef PINION_CORE_TASK_H_
#define PINION_CORE_TASK_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "core/check.h"
#include "core/clock.h"
#include "core/interleaving.h"
#include "core/tally.h"
#include "core/timer_queue.h"
#include "core/work_item.h"

namespace pinion {

class Worker;

// Why a task runs: a set of bits, of which 0 to 15 may be used.
using WakeReasons = uint32_t;
inline constexpr WakeReasons kWakeItems = 1 << 0;  // Its list has items.
inline constexpr WakeReasons kWakeOther = 1 << 1;  // Whatever the caller means.
inline constexpr WakeReasons kWakeMore = 1 << 2;   // Its last run left work.
// Its timer was due: what only the timer says, never a caller of Wake().
inline constexpr WakeReasons kWakeTimer = 1 << 3;

// In which order a worker serves its woken tasks; see WorkerOptions.
enum class TaskClass { kUrgent, kNormal, kBulk };
inline constexpr int kTaskClasses = 3;

struct TaskOptions {
  TaskClass task_class = TaskClass::kNormal;
  // What reports and errors call it.
  std::string name = {};
};

// What a task has cost so far.
struct TaskStats {
  uint64_t runs = 0;
  uint64_t run_ns = 0;     // In its function.
  uint64_t waited_ns = 0;  // From the wake that queued it to the run; woken on
                           // its own worker, from the end of the run it was
                           // woken in.
};

// A task lives until its scheduler dies, so a wake never touches freed memory;
// woken after its death or after the stop, it does not run. Made by
// Scheduler::AddTask().
class Task : private WorkItem, private Timer {
 public:
  using Function = absl::AnyInvocable<void(WakeReasons reasons)>;

  // Has the task run soon, and tells it `reasons`, one at least. Costs one
  // atomic operation if it is to run anyway, and at most one system call if its
  // worker sleeps.
  void Wake(WakeReasons reasons = kWakeOther) {
    PINION_DCHECK(reasons != 0 && reasons <= kReasons,
                  "reasons are the bits 0 to 15, not ", reasons);
    PINION_DCHECK((reasons & kWakeTimer) == 0, "only a timer wakes so");
    Queue(reasons);
  }

  // Has the task run once, when `at` has passed and not earlier, and tells it
  // kWakeTimer. A task has one timer, and the last call counts: this replaces a
  // time given before, also one that has passed but was not told yet. On
  // another thread than the task's worker the worker is asked to do it, at the
  // price of a wake; of two calls that overlap, either may be the last.
  void WakeAt(Moment at);

  // The same, `span` from now: less than nothing is nothing, and more than a
  // hundred years is a hundred years.
  void WakeAfter(std::chrono::nanoseconds span);

  // Takes the time back. On the task's worker nothing is told afterwards; on
  // another thread what the timer has already begun may still be.
  void CancelTimer();

  // Has the task never run again; a run under way ends. Its function is
  // destroyed, once, on its worker, soon: with what it holds. After the stop,
  // when the scheduler dies.
  void Kill() { Queue(kDead); }

  // Whether the calling thread may touch what is the task's worker's alone: it
  // is the worker's, or the worker has ended.
  bool IsMine() const;

  const std::string& name() const { return options_.name; }
  TaskClass task_class() const { return options_.task_class; }
  TaskStats stats() const;

 private:
  friend class Scheduler;
  friend class Worker;
  friend class Inbox;
  friend class WorkChain;

  // The state word: the reasons not yet told, whether the task is in, or on its
  // way into, one of its worker's lines, whether it is killed, and whether
  // another thread has asked for a timer.
  static constexpr uint32_t kReasons = (1 << 16) - 1;
  static constexpr uint32_t kQueued = 1 << 16;
  static constexpr uint32_t kDead = 1 << 17;
  static constexpr uint32_t kTimerAsked = 1 << 18;

  // In an asked timer: that there is to be one. Times are rounded up to two
  // nanoseconds, to have the bit free.
  static constexpr uint64_t kArm = 1;
  // That the worker has taken what was asked. 0: that there is to be none.
  static constexpr uint64_t kNothing = 2;

  Task(Worker& worker, TaskOptions options, Function function)
      : worker_(worker),
        options_(std::move(options)),
        function_(std::move(function)) {}

  // Adds `bits` to the state, and the task to its worker's inbox unless it is
  // there or dead. Who makes it dead adds it a last time, to be let go.
  void Queue(uint32_t bits) {
    // Pairs with the swap in Worker::Run(). Its acquire, with our release: the
    // run sees what was done before this wake. Our acquire, with its release:
    // who queues the task again sees it unlinked. A task that is queued already
    // has not had its reasons taken, so it takes these too.
    const uint32_t before =
        state_.fetch_or(bits | kQueued, std::memory_order_acq_rel);
    PINION_POINT(kMarked);
    if ((before & (kQueued | kDead)) == 0) Enqueue();
  }

  void Enqueue();
  void AskForTimer(uint64_t asked);

  // Three lines of the cache, so that a wake from another CPU moves one of them
  // there and back: what wakers write, what they only read, and what they never
  // touch. The item's link is in the first.

  // Shared.
  std::atomic<uint32_t> state_{0};
  std::atomic<uint64_t> asked_timer_{kNothing};

  // Written by who queued the task, before it is in the inbox.
  uint64_t queued_at_ = 0;

  // The worker's alone.
  uint64_t last_round_ = 0;
  bool released_ = false;

  // Fixed at construction; anyone may read.
  alignas(64) Worker& worker_;
  const TaskOptions options_;

  // The worker's alone.
  alignas(64) Function function_;

  // The worker's to write.
  Tally runs_;
  Tally run_ticks_;
  Tally waited_ticks_;
};

}  // namespace pinion

#endif  // PINION_CORE_TASK_H_
