// SPDX-License-Identifier: Apache-2.0
//
// Scheduler: a set of pinned workers and the tasks that run on them.
//
// Threads: anyone may AddTask(), Keep() and ask; Drain() and Stop() are for any
//          thread but a worker's.
// Life:    workers run from Start() until Stop(); tasks and work lists live
//          until the scheduler dies, so that whoever still holds one can never
//          touch freed memory. Let it die when each Add() and Wake() returned.
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
#include "core/clock.h"
#include "core/closable.h"
#include "core/cpu_plan.h"
#include "core/mutex.h"
#include "core/run_record.h"
#include "core/task.h"
#include "core/worker.h"
#include "core/worker_stats.h"

namespace pinion {

struct SchedulerOptions {
  // How many workers; 0: half of the CPUs that can be used. See CpuPlanOptions
  // for what is possible, and for the next two.
  int workers = 1;
  std::string cpus = {};
  CpuPolicy cpu_policy = CpuPolicy::kPin;
  // The same for each.
  WorkerOptions worker = {};
};

class Scheduler {
 public:
  // Starts all workers, or none. INVALID_ARGUMENT if the options cannot be had
  // here; the message says what could.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Start(
      const SchedulerOptions& options);

  // One without threads, for tests: its workers run when they are told to by
  // Step() and RunUntilIdle(), on the calling thread, and have their time from
  // `clock`. Any number of workers of 1 or more is possible; CPUs and spinning
  // are of no concern.
  static std::unique_ptr<Scheduler> Manual(const SchedulerOptions& options,
                                           const Clock& clock);

  ~Scheduler();  // Stops first, and waits for that as long as it takes.
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  int worker_count() const { return static_cast<int>(workers_.size()); }

  // Which CPUs the workers have, which are left, and why. Empty when manual.
  const CpuPlan& cpu_plan() const { return cpu_plan_; }

  const Clock& clock() const { return clock_; }

  // Whether it has no threads: who would wait for its workers must step them.
  bool manual() const { return manual_; }

  // Makes a task of `worker`, 0 to worker_count() - 1. It is not woken.
  Task* AddTask(int worker, Task::Function function) {
    return AddTask(worker, TaskOptions{}, std::move(function));
  }
  Task* AddTask(int worker, TaskOptions options, Task::Function function);

  // Keeps `closable` until the scheduler dies, and closes it when this drains
  // or stops; at once, if it has.
  void Keep(std::shared_ptr<Closable> closable);

  // Has all work lists refuse further items, and waits until each worker has
  // run what waits, batch after batch, and has told so: no item is left in a
  // list, and what was woken before has run. Timers are not waited for, and
  // tasks can still be woken, also by each other. May be called again.
  // DEADLINE_EXCEEDED, and what runs for how long, if it takes more than
  // `timeout`; FAILED_PRECONDITION on a worker's thread. A stop overtakes a
  // drain: then what waited was handed back.
  absl::Status Drain(std::chrono::nanoseconds timeout);

  // Ends the workers: each finishes the run under way, hands back the items
  // that were not handled, and tells so; then its thread has ended. Tasks that
  // are woken by then, or later, do not run. May be called again and from
  // several threads. DEADLINE_EXCEEDED, and what runs for how long, if it takes
  // more than `timeout`: the worker will end when its run does, and can be
  // awaited again; FAILED_PRECONDITION on a worker's own thread.
  absl::Status Stop(std::chrono::nanoseconds timeout = kForever);
  static constexpr std::chrono::nanoseconds kForever =
      std::chrono::hours(24 * 36500);

  // Manual only. One round of `worker`; false if there is nothing for it to do.
  bool Step(int worker);

  // Manual only. Steps workers that have something to do, in an order that
  // `seed` alone decides, until there are none, or `most_steps` were made.
  // Returns how many were.
  int RunUntilIdle(uint64_t seed, int most_steps = 1'000'000);

  // What each worker has done; anyone, any time, at no cost to them.
  std::vector<WorkerStats> Snapshot() const;

  // What `worker` runs right now, and on which thread; for a StallWatch.
  const RunRecord& running(int worker) const;
  pid_t thread_id(int worker) const;

  // The index of the worker whose thread is the calling one; -1 on others.
  static int CurrentWorker();

 private:
  Scheduler(CpuPlan cpu_plan, const Clock& clock, bool manual)
      : cpu_plan_(std::move(cpu_plan)), clock_(clock), manual_(manual) {}

  void MakeWorker(const WorkerOptions& options);
  Worker& At(int worker) const;
  void Refuse();
  void HandBack(int worker);
  std::vector<std::shared_ptr<Closable>> Kept();
  // What each of those workers runs, for the error that they did not end.
  std::string WhatRuns() const;

  // Fixed before Start() returns; anyone may read.
  const CpuPlan cpu_plan_;
  const Clock clock_;
  const bool manual_;
  std::vector<std::unique_ptr<Worker>> workers_;

  // Held to join the threads that have ended.
  Mutex join_mutex_;

  Mutex mutex_;
  std::vector<std::shared_ptr<Closable>> kept_ ABSL_GUARDED_BY(mutex_);
  bool refusing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pinion

#endif  // PINION_CORE_SCHEDULER_H_
