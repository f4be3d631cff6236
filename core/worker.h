// SPDX-License-Identifier: Apache-2.0
//
// Worker: one thread, pinned to its CPU, which runs the tasks that are woken.
//
// Threads: the scheduler makes, starts and stops it; anyone may Enqueue() (by
//          way of Task::Wake()); the loop is the worker's own thread.
// Loop:    rounds while anything is woken, and then sleep. A round serves
//          urgent tasks, then normal ones, then bulk ones, each at most once.
#ifndef PINION_CORE_WORKER_H_
#define PINION_CORE_WORKER_H_

#include <array>
#include <chrono>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "core/inbox.h"
#include "core/task.h"
#include "core/thread_role.h"
#include "core/work_item.h"

namespace pinion {

// How much of one round a class of tasks may take: what is reached first ends
// its turn, but one task is always run. What a class leaves, the next may use.
struct ClassBudget {
  int runs = 0;
  std::chrono::microseconds time{0};
};

struct WorkerOptions {
  // From 0; the thread is named pinion-w<index>.
  int index = 0;
  // The CPUs to run on: one, to be pinned to it, or several to float over.
  std::vector<int> cpus = {};
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
};

class Worker {
 public:
  explicit Worker(const WorkerOptions& options);
  ~Worker();  // After Join().
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread and returns when it is on its CPU, or could not be put
  // there; then the thread has ended. Once.
  absl::Status Start();

  // Has the worker run what is woken by now, and end. Join() waits for that. A
  // wake that overlaps this call may come too late; so may one that found the
  // task about to be queued by such another.
  void BeginStop() { stop_task_.Wake(); }
  void Join();

  // Has `task` run. Called once for each time it becomes queued.
  void Enqueue(Task* task) {
    if (inbox_.Push(task)) inbox_.WakeOwner();
  }

  // Whether the task that runs should end its run early, because an urgent one
  // waits. On the worker's thread.
  bool ShouldYield() {
    worker_thread_.Assert();
    if (!inbox_.empty()) Sort();
    return !Ready(TaskClass::kUrgent).empty();
  }

  const WorkerOptions& options() const { return options_; }

  // The worker whose thread is the calling one; null on any other thread.
  static Worker* Current();

 private:
  // A class's turn within a round.
  struct Turn {
    int runs;
    uint64_t ticks;
  };

  // Names the thread and puts it where the options want it.
  absl::Status Settle();
  void Loop();
  void Round() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Puts what has come into the lines of its classes.
  void Sort() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void ServeUrgent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Returns what is left of the turn.
  Turn Serve(TaskClass task_class, Turn turn)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Returns how many ticks the run took.
  uint64_t Run(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Whether no task is ready; more may have come.
  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Whether, in a worker that stops, the task has had its last run. One that is
  // only to finish what it left, or to be let go, has not.
  bool HasEnded(const Task& task) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  WorkChain& Ready(TaskClass task_class)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_) {
    return ready_[static_cast<int>(task_class)];
  }

  // Fixed at construction; anyone may read.
  const WorkerOptions options_;

  // Shared.
  Inbox inbox_;
  Task stop_task_;

  // The owner's: Start() and Join().
  std::thread thread_;

  // The worker thread's alone.
  ThreadRole worker_thread_;
  uint64_t round_ ABSL_GUARDED_BY(worker_thread_) = 0;
  // The round in which the stop was seen; 0: not yet.
  uint64_t stop_round_ ABSL_GUARDED_BY(worker_thread_) = 0;
  // How many tasks have left work in their last run.
  int left_work_ ABSL_GUARDED_BY(worker_thread_) = 0;
  // By class: the tasks to run in this round, and those woken again after they
  // ran in it.
  std::array<WorkChain, kTaskClasses> ready_ ABSL_GUARDED_BY(worker_thread_);
  std::array<WorkChain, kTaskClasses> later_ ABSL_GUARDED_BY(worker_thread_);
};

}  // namespace pinion

#endif  // PINION_CORE_WORKER_H_
