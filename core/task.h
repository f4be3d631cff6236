// SPDX-License-Identifier: Apache-2.0
//
// Task: a function of one worker, which runs there when it is woken.
//
// Threads: any thread may call everything here, the function itself included.
//          The function runs on its worker only, one run at a time.
// Promise: N wakes cause 1 to N runs. At least one run starts after the last
//          wake. Exactly one run gets each reason.
// Throws:  the function must not throw: an exception from it ends the program.
//          Catch within it.
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
#include "pinion/core/base/check.h"
#include "pinion/core/base/interleaving.h"
#include "pinion/core/clock.h"
#include "pinion/core/tally.h"
#include "pinion/core/timer_queue.h"
#include "pinion/core/work_item.h"

namespace pinion {

class Worker;

// Why a task runs: a set of bits. You may use bits 0 to 15.
using WakeReasons = uint32_t;
inline constexpr WakeReasons kWakeItems = 1 << 0;  // Its list has items.
// Any meaning that the caller likes.
inline constexpr WakeReasons kWakeOther = 1 << 1;
inline constexpr WakeReasons kWakeMore = 1 << 2;  // Its last run left work.
// Its timer expired. Only the timer sets it; never pass it to Wake().
inline constexpr WakeReasons kWakeTimer = 1 << 3;

// The order in which a worker runs its woken tasks; see WorkerOptions. An
// urgent task goes before all others, each time it is woken.
enum class TaskClass : uint8_t { kUrgent, kNormal, kBulk };
inline constexpr int kTaskClasses = 3;

struct TaskOptions {
  TaskClass task_class = TaskClass::kNormal;
  // Its name in reports and errors.
  std::string name = {};
};

// What a task has cost so far.
struct TaskStats {
  uint64_t runs = 0;
  uint64_t run_ns = 0;  // In its function.
  // From the wake that queued the task to its run. If the task was woken on its
  // own worker, from the end of the run that woke it.
  uint64_t waited_ns = 0;
};

// Scheduler::AddTask() makes tasks. A task lives until its scheduler is
// destroyed, so a wake never touches freed memory. A killed task does not run,
// nor does any task after the stop.
class Task : private WorkItem, private Timer {
 public:
  using Function = absl::AnyInvocable<void(WakeReasons reasons)>;

  // Makes the task run soon, with at least one reason. Costs one atomic
  // operation if a run is already due, and at most one system call if its
  // worker sleeps.
  void Wake(WakeReasons reasons = kWakeOther) {
    PINION_DCHECK(reasons != 0 && reasons <= kReasons,
                  "reasons are the bits 0 to 15, not ", reasons);
    PINION_DCHECK((reasons & kWakeTimer) == 0, "only a timer wakes so");
    Queue(reasons);
  }

  // Makes the task run once at `at`, never earlier, with kWakeTimer. A task has
  // one timer. Each call replaces the earlier time, even one that has passed
  // but has not run the task yet. On another thread than the worker's, the call
  // asks the worker to set the timer, which costs a wake. If two calls overlap,
  // either may be the last.
  void WakeAt(Moment at);

  // The same, `span` from now. Negative spans count as zero, and spans over a
  // hundred years as a hundred years.
  void WakeAfter(std::chrono::nanoseconds span);

  // Cancels the timer. On the task's own worker it will not fire afterwards;
  // from another thread, a firing already in progress may still run the task.
  void CancelTimer();

  // Prevents all further runs; a run in progress ends normally. The worker soon
  // destroys the function, once, with everything that it holds. After the stop,
  // the scheduler's destructor does.
  void Kill() { Queue(kDead); }

  // Whether the calling thread may touch what belongs to the task's worker: it
  // is the worker's thread, or the worker has ended.
  bool IsMine() const;

  const std::string& name() const { return options_.name; }
  TaskClass task_class() const { return options_.task_class; }
  TaskStats stats() const;

 private:
  friend class Scheduler;
  friend class Worker;
  friend class Inbox;
  friend class WorkChain;

  // The state word: the reasons that no run has got yet; whether the task is in
  // one of its worker's queues or on its way there; whether it was killed;
  // whether another thread has asked for a timer.
  static constexpr uint32_t kReasons = (1 << 16) - 1;
  static constexpr uint32_t kQueued = 1 << 16;
  static constexpr uint32_t kDead = 1 << 17;
  static constexpr uint32_t kTimerAsked = 1 << 18;

  // In a request for a timer: the timer is to be set. Times are rounded up to
  // an even nanosecond, which leaves this bit free.
  static constexpr uint64_t kArm = 1;
  // The worker has read the request. 0: the timer is to be cancelled.
  static constexpr uint64_t kNothing = 2;

  Task(Worker& worker, TaskOptions options, Function function)
      : worker_(worker),
        options_(std::move(options)),
        function_(std::move(function)) {}

  // Adds `bits` to the state, and the task to its worker's inbox unless it is
  // there or dead. The kill adds it a last time, so that the worker releases
  // it.
  void Queue(uint32_t bits) {
    // Pairs with the swap in Worker::Run(). Its acquire, with our release: the
    // run sees what was done before this wake. Our acquire, with its release:
    // the thread that queues the task again sees it unlinked. If the task is
    // queued already, its next run has not read the reasons yet, so it gets
    // these, too.
    const uint32_t before =
        state_.fetch_or(bits | kQueued, std::memory_order_acq_rel);
    PINION_POINT(kMarked);
    if ((before & (kQueued | kDead)) == 0) Enqueue();
  }

  void Enqueue();
  void AskForTimer(uint64_t asked);

  // Three cache lines, so that a wake from another CPU moves only one of them
  // there and back: fields that wakers write, fields that they only read, and
  // fields that they never touch. The item's link is in the first.

  // Shared.
  std::atomic<uint32_t> state_{0};
  std::atomic<uint64_t> asked_timer_{kNothing};

  // Written by the thread that queued the task, before it is in the inbox.
  uint64_t queued_at_ = 0;

  // The worker's only.
  uint64_t last_sweep_ = 0;  // The sweep in which it ran last.
  bool released_ = false;

  // Fixed at construction; any thread may read.
  alignas(64) Worker& worker_;
  const TaskOptions options_;

  // The worker's only.
  alignas(64) Function function_;

  // Only the worker writes them.
  Tally runs_;
  Tally run_ticks_;
  Tally waited_ticks_;
};

}  // namespace pinion

#endif  // PINION_CORE_TASK_H_
