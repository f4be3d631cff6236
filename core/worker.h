// SPDX-License-Identifier: Apache-2.0
//
// Worker: one thread, pinned to its CPU, which runs woken tasks.
//
// Threads: the scheduler makes, starts and stops it. Any thread may Enqueue()
//          (through Task::Wake()) and read stats(). The loop runs on the
//          worker's own thread, or on the thread that calls Step().
// Loop:    rounds while any task is woken, then a rest (core/worker_rest.h). A
//          round serves timers, then normal tasks, then bulk tasks, each at
//          most once. It serves the urgent tasks first and again before each of
//          the others.
// Throws:  nothing. An exception from a task or a hand-back ends the program
//          with its name, because nobody else knows what it has left undone.
#ifndef PINION_CORE_WORKER_H_
#define PINION_CORE_WORKER_H_

#include <sys/types.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/base/thread_role.h"
#include "pinion/core/clock.h"
#include "pinion/core/run_record.h"
#include "pinion/core/spin.h"
#include "pinion/core/task.h"
#include "pinion/core/timer_queue.h"
#include "pinion/core/wake_times.h"
#include "pinion/core/work_item.h"
#include "pinion/core/worker_rest.h"
#include "pinion/core/worker_stats.h"

namespace pinion {

// The share of one round for a class of tasks. Its turn ends when either limit
// is reached, but at least one task runs. The next class may use what is left.
struct ClassBudget {
  int runs = 0;
  std::chrono::microseconds time{0};
};

struct WorkerOptions {
  // Runs under SCHED_BATCH: a woken worker does not preempt the thread that
  // runs on its CPU, so items gather while others work. Where CPUs are short,
  // this saves most context switches; on an idle CPU it changes nothing.
  bool batch_scheduling = true;
  // Urgent tasks go first each time: before each run of another task there is a
  // sweep, in which each woken urgent task runs once, and a batch ends for the
  // next sweep after its present item. So an urgent task waits for at most one
  // handler of another class, and the others wait for at most one run of each
  // urgent task.
  //
  // This is how much longer than the others urgent tasks may have run while
  // others waited. When they exceed it, each urgent task runs once per round,
  // and batches do not end for it a second time, until a round starts in which
  // the others have caught up. So a flood of urgent work leaves half of the
  // time to other work. Raise it when bursts of urgent work take longer and
  // must not wait; lower it when such bursts delay the others. 0: an urgent
  // task always runs once per round.
  std::chrono::microseconds urgent_lead{1000};
  // Normal tasks get most of a round and bulk tasks some of it. There are
  // enough runs that checking the inbox between them costs little, and few
  // enough that the other class waits no longer than for a slow handler. A
  // normal task that is woken during the bulk tasks' turn waits for the rest of
  // that turn; only urgent tasks always go first.
  ClassBudget normal = {.runs = 128, .time = std::chrono::microseconds(1000)};
  ClassBudget bulk = {.runs = 16, .time = std::chrono::microseconds(250)};
  // The most timers that one round fires, at least 1. They take about 20 us,
  // the longest delay of an urgent task by timers, however many are due.
  int timers = 128;
  SpinOptions spin = {};
};

class Worker {
 public:
  // Worker number `index`, from 0; its thread is named pinion-w<index>. It uses
  // `clock`, and calls `hand_back` on its thread as its last action.
  Worker(int index, const WorkerOptions& options, const Clock& clock,
         std::function<void()> hand_back);
  ~Worker();  // After Join() or the last Step().
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread. Returns when it runs on `cpus` (one CPU pins it, several
  // let it float), or when that failed and the thread has ended. Call it once.
  absl::Status Start(const std::vector<int>& cpus);

  // Replaces the thread: runs one round on the calling thread. False if there
  // is nothing to do.
  bool Step();
  bool HasWork();

  // Makes a task. Does not wake it.
  Task* AddTask(TaskOptions options, Task::Function function);

  // Makes the worker report when it has nothing left to do. AwaitQuiet() waits
  // for the report; false if the time is over first.
  uint64_t AskForQuiet();
  bool AwaitQuiet(uint64_t asked,
                  std::chrono::steady_clock::time_point deadline);

  // Makes the worker end after its present run. AwaitEnd() waits for that;
  // false if the time is over first.
  void AskToEnd() { stop_task_.Wake(); }
  bool AwaitEnd(std::chrono::steady_clock::time_point deadline);
  // Acquire, with the release at the end: a thread that sees true may touch
  // what belonged to the worker.
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  void Join();

  // Makes `task` run. Called once each time it becomes queued.
  void Enqueue(Task* task);

  // On the worker's thread, for one of its tasks.
  void ArmTimer(Task& task, Moment at);
  void DisarmTimer(Task& task);

  // Whether the present task should end its run early because an urgent task
  // waits. On the worker's thread.
  bool ShouldYield() {
    worker_thread_.Assert();
    if (!rest_.empty() || !woken_here_.empty()) Sort();
    return !Ready(TaskClass::kUrgent).empty();
  }

  // The last sleep that another thread ended by waking a task; sleeps that a
  // timer ended do not count. Zeros before the first one, and for a worker
  // without a thread. On the worker's thread.
  WakeTimes last_wake() const { return rest_.last_wake(); }

  // Adds to the stats. On the worker's thread.
  void CountItems(uint64_t items) { tallies_.items.Add(items); }

  WorkerStats stats() const;
  const RunRecord& running() const { return running_; }
  const Clock& clock() const { return clock_; }
  int index() const { return index_; }
  // The kernel's number of the thread; 0 without a thread.
  pid_t thread_id() const { return thread_id_; }

  // The worker that owns the calling thread; null on any other thread.
  static Worker* Current() { return current_; }

 private:
  // A class's turn within a round.
  struct Turn {
    int runs;
    uint64_t ticks;
  };

  // Names the thread and moves it to its CPUs.
  absl::Status Settle(const std::vector<int>& cpus);
  void Loop();
  void Round() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void FireTimers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Moves arrived tasks into the queues of their classes.
  void Sort() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void LineUp(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // One sweep: runs the urgent tasks that are ready.
  void SweepUrgent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Makes the urgent tasks that ran in the last sweep ready for the next one.
  void BeginNextSweep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Returns the rest of the turn.
  Turn Serve(TaskClass task_class, const ClassBudget& budget, Turn left)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void Run(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void Release(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Sets the timer as another thread has asked; false if that is done already.
  bool SetAskedTimer(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Whether no task is ready; more may have arrived.
  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  bool TimerIsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void AwaitWork() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Notifies the threads that asked for it, if no task is queued or on its way.
  void ReportQuiet() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  bool NoTaskIsQueued() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void End() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  WorkChain& Ready(TaskClass task_class)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_) {
    return ready_[static_cast<int>(task_class)];
  }

  static constinit inline thread_local Worker* current_ = nullptr;

  // Fixed at construction or by Start(); any thread may read.
  const int index_;
  const WorkerOptions options_;
  const Clock clock_;
  const std::function<void()> hand_back_;
  const uint64_t urgent_lead_limit_;  // In ticks.
  pid_t thread_id_ = 0;

  // Shared.
  ThreadRole worker_thread_;
  WorkerRest rest_;
  Task stop_task_;
  Task quiet_task_;
  std::atomic<bool> ended_{false};

  // The owner's only: Start() and Join().
  std::thread thread_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::unique_ptr<Task>> tasks_ ABSL_GUARDED_BY(mutex_);
  uint64_t quiet_asked_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t quiet_reported_ ABSL_GUARDED_BY(mutex_) = 0;

  // Only the worker writes it.
  alignas(64) WorkerTallies tallies_;
  RunRecord running_;

  // The worker thread's only.
  // The number of the present sweep, and of the round's first one.
  uint64_t sweep_ ABSL_GUARDED_BY(worker_thread_) = 0;
  uint64_t rounds_first_sweep_ ABSL_GUARDED_BY(worker_thread_) = 0;
  // How many ticks longer than the others urgent tasks ran, while others
  // waited.
  uint64_t urgent_lead_ ABSL_GUARDED_BY(worker_thread_) = 0;
  // Whether that is too many, for the rest of the round.
  bool urgent_is_too_far_ ABSL_GUARDED_BY(worker_thread_) = false;
  bool stopping_ ABSL_GUARDED_BY(worker_thread_) = false;
  // The last request for quiet that was seen, and the last that was answered.
  uint64_t quiet_due_ ABSL_GUARDED_BY(worker_thread_) = 0;
  uint64_t quiet_seen_ ABSL_GUARDED_BY(worker_thread_) = 0;
  // The last reading of the clock: the end of one run is the start of the next.
  uint64_t now_ ABSL_GUARDED_BY(worker_thread_) = 0;
  TimerQueue timers_ ABSL_GUARDED_BY(worker_thread_);
  // Tasks woken on this thread since the last Sort().
  WorkChain woken_here_ ABSL_GUARDED_BY(worker_thread_);
  // By class: the tasks to run in this round, and those woken again after they
  // ran in it; for urgent ones, in this sweep.
  std::array<WorkChain, kTaskClasses> ready_ ABSL_GUARDED_BY(worker_thread_);
  std::array<WorkChain, kTaskClasses> later_ ABSL_GUARDED_BY(worker_thread_);
};

}  // namespace pinion

#endif  // PINION_CORE_WORKER_H_
