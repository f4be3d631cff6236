// SPDX-License-Identifier: Apache-2.0
//
// Worker: one thread, pinned to its CPU, which runs the tasks that are woken.
//
// Threads: the scheduler makes, starts and stops it; anyone may Enqueue() (by
//          way of Task::Wake()) and ask for stats(); the loop is the worker's
//          own thread, or whoever calls Step().
// Loop:    rounds while anything is woken, then a short spin, then sleep. A
//          round serves timers, then urgent tasks, then normal, then bulk ones,
//          each task at most once.
#ifndef PINION_CORE_WORKER_H_
#define PINION_CORE_WORKER_H_

#include <sys/types.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "core/clock.h"
#include "core/inbox.h"
#include "core/mutex.h"
#include "core/run_record.h"
#include "core/spin.h"
#include "core/task.h"
#include "core/thread_role.h"
#include "core/timer_queue.h"
#include "core/wake_times.h"
#include "core/work_item.h"
#include "core/worker_stats.h"

namespace pinion {

// How much of one round a class of tasks may take: what is reached first ends
// its turn, but one task is always run. What a class leaves, the next may use.
struct ClassBudget {
  int runs = 0;
  std::chrono::microseconds time{0};
};

struct WorkerOptions {
  // Run under SCHED_BATCH: a woken worker does not push aside the thread that
  // runs on its CPU, so items gather while others work. Where CPUs are short
  // this saves most context switches; on an idle CPU it changes nothing.
  bool batch_scheduling = true;
  // Urgent tasks need no budget: each runs once a round, before all others and
  // between any two of them, so an urgent task waits for one run at most.
  // Normal tasks take most of a round and bulk ones some of it: enough runs
  // that the look at the inbox between two of them costs little, short enough
  // that the other class is not kept for longer than a slow handler would.
  ClassBudget normal = {.runs = 128, .time = std::chrono::microseconds(1000)};
  ClassBudget bulk = {.runs = 16, .time = std::chrono::microseconds(250)};
  // How many timers one round fires at most, 1 or more: some 20 us of work, by
  // which an urgent task is held up however many are due.
  int timers = 128;
  SpinOptions spin = {};
};

class Worker {
 public:
  // Worker number `index`, from 0; its thread is named pinion-w<index>. It has
  // the time from `clock`, and calls `hand_back` on its thread as the last
  // thing it does.
  Worker(int index, const WorkerOptions& options, const Clock& clock,
         std::function<void()> hand_back);
  ~Worker();  // After Join(), or the last Step().
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread and returns when it is on `cpus`, of which one pins it
  // and several let it float; or when it could not be put there, and has ended.
  // Once.
  absl::Status Start(const std::vector<int>& cpus);

  // Instead of a thread: one round on the calling one, if anything is to be
  // done; false if not.
  bool Step();
  bool HasWork();

  // Makes a task. It is not woken.
  Task* AddTask(TaskOptions options, Task::Function function);

  // Has the worker report when it has nothing left to do. AwaitQuiet() waits
  // for that; false if the time was up first.
  uint64_t AskForQuiet();
  bool AwaitQuiet(uint64_t asked,
                  std::chrono::steady_clock::time_point deadline);

  // Has the worker end after the run under way. AwaitEnd() waits for that;
  // false if the time was up first.
  void AskToEnd() { stop_task_.Wake(); }
  bool AwaitEnd(std::chrono::steady_clock::time_point deadline);
  // Acquire, with the release at the end: who sees it may touch what was the
  // worker's alone.
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  void Join();

  // Has `task` run. Called once for each time it becomes queued.
  void Enqueue(Task* task);

  // On the worker's thread, of one of its tasks.
  void ArmTimer(Task& task, Moment at);
  void DisarmTimer(Task& task);

  // Whether the task that runs should end its run early, because an urgent one
  // waits. On the worker's thread.
  bool ShouldYield() {
    worker_thread_.Assert();
    if (!inbox_.empty() || !woken_here_.empty()) Sort();
    return !Ready(TaskClass::kUrgent).empty();
  }

  // Of the last sleep that another thread ended by waking a task; one that a
  // timer ended is not told. Zeros before the first, and for a worker without a
  // thread. On the worker's thread.
  WakeTimes last_wake() const {
    worker_thread_.Assert();
    return last_wake_;
  }

  // Adds to the stats. On the worker's thread.
  void CountItems(uint64_t items) { tallies_.items.Add(items); }

  WorkerStats stats() const;
  const RunRecord& running() const { return running_; }
  const Clock& clock() const { return clock_; }
  int index() const { return index_; }
  // The kernel's number of the thread; 0 without one.
  pid_t thread_id() const { return thread_id_; }

  // The worker whose thread is the calling one; null on any other thread.
  static Worker* Current() { return current_; }

 private:
  // A class's turn within a round.
  struct Turn {
    int runs;
    uint64_t ticks;
  };

  // Names the thread and puts it where it is wanted.
  absl::Status Settle(const std::vector<int>& cpus);
  void Loop();
  void Round() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void FireTimers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Puts what has come into the lines of its classes.
  void Sort() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // What ended the wait came at `arrival`; `was_woken`: out of a sleep.
  void LearnFromWaitFor(uint64_t arrival, bool was_woken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void LineUp(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void ServeUrgent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Returns what is left of the turn.
  Turn Serve(TaskClass task_class, const ClassBudget& budget, Turn left)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void Run(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void Release(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Sets the timer as another thread has asked; false if that is done already.
  bool SetAskedTimer(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Whether no task is ready; more may have come.
  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  bool TimerIsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void AwaitWork() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Whether work came within the limit.
  bool Spin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // With the second look; false if something has come.
  bool AnnounceSleep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Tells who asked for it, if no task is queued or still on its way here.
  void ReportQuiet() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  bool NoTaskIsQueued() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void End() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  WorkChain& Ready(TaskClass task_class)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_) {
    return ready_[static_cast<int>(task_class)];
  }

  static constinit inline thread_local Worker* current_ = nullptr;

  // Fixed at construction, or by Start(); anyone may read.
  const int index_;
  const WorkerOptions options_;
  const Clock clock_;
  const std::function<void()> hand_back_;
  const uint64_t spin_ticks_;
  pid_t thread_id_ = 0;

  // Shared.
  Inbox inbox_;
  Task stop_task_;
  Task quiet_task_;
  std::atomic<bool> ended_{false};

  // The owner's: Start() and Join().
  std::thread thread_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::unique_ptr<Task>> tasks_ ABSL_GUARDED_BY(mutex_);
  uint64_t quiet_asked_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t quiet_reported_ ABSL_GUARDED_BY(mutex_) = 0;

  // The worker's to write.
  alignas(64) WorkerTallies tallies_;
  RunRecord running_;

  // The worker thread's alone.
  ThreadRole worker_thread_;
  uint64_t round_ ABSL_GUARDED_BY(worker_thread_) = 0;
  bool stopping_ ABSL_GUARDED_BY(worker_thread_) = false;
  bool announced_ ABSL_GUARDED_BY(worker_thread_) = false;  // A sleep.
  // The last request for quiet that was seen, and that was answered.
  uint64_t quiet_due_ ABSL_GUARDED_BY(worker_thread_) = 0;
  uint64_t quiet_seen_ ABSL_GUARDED_BY(worker_thread_) = 0;
  // The last reading of the clock: the end of a run is the begin of the next.
  uint64_t now_ ABSL_GUARDED_BY(worker_thread_) = 0;
  // When the wait began from which there is yet to be learnt.
  std::optional<uint64_t> idle_since_ ABSL_GUARDED_BY(worker_thread_);
  SpinAdvice spin_ ABSL_GUARDED_BY(worker_thread_);
  WakeTimes last_wake_ ABSL_GUARDED_BY(worker_thread_);
  TimerQueue timers_ ABSL_GUARDED_BY(worker_thread_);
  // Tasks woken on this thread since the last Sort().
  WorkChain woken_here_ ABSL_GUARDED_BY(worker_thread_);
  // By class: the tasks to run in this round, and those woken again after they
  // ran in it.
  std::array<WorkChain, kTaskClasses> ready_ ABSL_GUARDED_BY(worker_thread_);
  std::array<WorkChain, kTaskClasses> later_ ABSL_GUARDED_BY(worker_thread_);
};

}  // namespace pinion

#endif  // PINION_CORE_WORKER_H_
