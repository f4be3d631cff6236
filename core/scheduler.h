// SPDX-License-Identifier: Apache-2.0
//
// Scheduler: a set of pinned workers and the tasks that run on them.
//
// Threads: any thread may call AddTask(), Keep() and the functions that only
//          look; any thread but a worker's may call Drain() and Stop().
// Life:    workers run from Start() until Stop(). Tasks and work lists live
//          until the scheduler is destroyed, so a thread that still holds one
//          never touches freed memory. Destroy the scheduler only after each
//          Add() and Wake() has returned.
// Example: auto scheduler = Scheduler::Start({.workers = 2});
//          Task* task = (*scheduler)->AddTask(1, [](WakeReasons) { Work(); });
//          task->Wake();                            // from anywhere
#ifndef PINION_CORE_SCHEDULER_H_
#define PINION_CORE_SCHEDULER_H_

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/clock.h"
#include "pinion/core/closable.h"
#include "pinion/core/cpu/cpu_plan.h"
#include "pinion/core/run_record.h"
#include "pinion/core/task.h"
#include "pinion/core/worker.h"
#include "pinion/core/worker_stats.h"

namespace pinion {

struct SchedulerOptions {
  // The number of workers; 0: half of the CPUs that this process can use.
  // CpuPlanOptions says which values are possible, here and for the next two.
  int workers = 1;
  std::string cpus = {};
  CpuPolicy cpu_policy = CpuPolicy::kPin;
  // Options of each worker.
  WorkerOptions worker = {};
};

class Scheduler {
 public:
  // Starts all workers, or none if there is an error, an allocation fails or a
  // thread's start throws. Returns INVALID_ARGUMENT if the options are
  // impossible on this machine; the message says what is possible.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Start(
      const SchedulerOptions& options);

  // Makes a scheduler without threads, for tests. Its workers run on the
  // calling thread in Step() and RunUntilIdle(), and use `clock`. It may have
  // any number of workers from 1; CPUs and spinning have no effect.
  static std::unique_ptr<Scheduler> Manual(const SchedulerOptions& options,
                                           const Clock& clock);

  ~Scheduler();  // Calls Stop() first, and waits as long as that takes.
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  int worker_count() const { return static_cast<int>(workers_.size()); }

  // The workers' CPUs, the CPUs that are left, and why. Empty if manual.
  const CpuPlan& cpu_plan() const { return cpu_plan_; }

  const Clock& clock() const { return clock_; }

  // Whether it has no threads. To wait for its workers, step them.
  bool manual() const { return manual_; }

  // Makes a task of `worker`, 0 to worker_count() - 1. Does not wake it.
  Task* AddTask(int worker, Task::Function function) {
    return AddTask(worker, TaskOptions{}, std::move(function));
  }
  Task* AddTask(int worker, TaskOptions options, Task::Function function);

  // Keeps `closable` until the scheduler is destroyed, and closes it when the
  // scheduler drains or stops; at once if it already has.
  void Keep(std::shared_ptr<Closable> closable);

  // Makes all work lists refuse further items, and waits until each worker has
  // run everything that waits, batch after batch: then no list holds an item,
  // and every task that was woken before has run. It does not wait for timers.
  // Tasks can still be woken, also by each other. You may call it more than
  // once. Returns DEADLINE_EXCEEDED, with what has run for how long, if it
  // takes longer than `timeout`; FAILED_PRECONDITION on a worker's thread. A
  // Stop() ends a Drain() early and hands waiting items back.
  absl::Status Drain(std::chrono::nanoseconds timeout);

  // Ends the workers. Each one finishes its present run and hands back the
  // items that it has not handled; then its thread ends. Tasks that are woken
  // by then or later do not run. Several threads may call it, more than once.
  // Returns DEADLINE_EXCEEDED, with what has run for how long, if it takes
  // longer than `timeout`: the worker then ends when its run does, and you may
  // call Stop() again to wait for it. FAILED_PRECONDITION on a worker's own
  // thread.
  absl::Status Stop(std::chrono::nanoseconds timeout = kForever);
  static constexpr std::chrono::nanoseconds kForever =
      std::chrono::hours(24 * 36500);

  // Manual only. Runs one round of `worker`; false if it has nothing to do.
  bool Step(int worker);

  // Manual only. Steps workers that have something to do, in an order that
  // depends only on `seed`, until none has or `max_steps` steps were made.
  // Returns the number of steps.
  int RunUntilIdle(uint64_t seed, int max_steps = 1'000'000);

  // What each worker has done so far. Any thread may call it at any time; it
  // costs the workers nothing.
  std::vector<WorkerStats> Snapshot() const;

  // What `worker` runs right now, and its thread, for a StallWatch.
  const RunRecord& running(int worker) const;
  pid_t thread_id(int worker) const;

  // The index of the worker that owns the calling thread; -1 on other threads.
  static int CurrentWorker();

 private:
  Scheduler(CpuPlan cpu_plan, const Clock& clock, bool manual)
      : cpu_plan_(std::move(cpu_plan)), clock_(clock), manual_(manual) {}

  std::unique_ptr<Worker> MakeWorker(const WorkerOptions& options);
  Worker& At(int worker) const;
  void Refuse();
  void HandBack(int worker);
  std::vector<std::shared_ptr<Closable>> Kept();
  // What each worker runs, for the error that it did not end.
  std::string WhatRuns() const;

  // Fixed before Start() returns; any thread may read.
  const CpuPlan cpu_plan_;
  const Clock clock_;
  const bool manual_;
  std::vector<std::unique_ptr<Worker>> workers_;

  // Held while ended threads are joined.
  Mutex join_mutex_;

  Mutex mutex_;
  std::vector<std::shared_ptr<Closable>> kept_ ABSL_GUARDED_BY(mutex_);
  bool refusing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pinion

#endif  // PINION_CORE_SCHEDULER_H_
