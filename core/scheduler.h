// SPDX-License-Identifier: Apache-2.0
//
// Scheduler: a set of pinned workers and the tasks that run on them.
//
// Threads: anyone may AddTask() and ask; Stop() is for any thread but a
//          worker's.
// Life:    workers run from Start() until Stop(); tasks and work lists live
//          until the scheduler dies, so that whoever still holds one can never
//          touch freed memory. Let it die when each Add() and Wake() returned.
// Example: auto scheduler = Scheduler::Start({.workers = 2});
//          Task* task = (*scheduler)->AddTask(1, [](WakeReasons) { Work(); });
//          task->Wake();                            // from anywhere
#ifndef PINION_CORE_SCHEDULER_H_
#define PINION_CORE_SCHEDULER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/cpu_plan.h"
#include "core/mutex.h"
#include "core/task.h"
#include "core/worker.h"

namespace pinion {

struct SchedulerOptions {
  // How many workers; 0: half of the CPUs that can be used. See CpuPlanOptions
  // for what is possible, and for the next two.
  int workers = 1;
  std::string cpus = {};
  CpuPolicy cpu_policy = CpuPolicy::kPin;
  // See WorkerOptions for these.
  bool batch_scheduling = WorkerOptions().batch_scheduling;
  ClassBudget normal = WorkerOptions().normal;
  ClassBudget bulk = WorkerOptions().bulk;
};

class Scheduler {
 public:
  // Starts all workers, or none. INVALID_ARGUMENT if the options cannot be had
  // here; the message says what could.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Start(
      const SchedulerOptions& options);

  ~Scheduler();  // Stops first.
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  int worker_count() const { return static_cast<int>(workers_.size()); }

  // Which CPUs the workers have, which are left, and why.
  const CpuPlan& cpu_plan() const { return cpu_plan_; }

  // Makes a task of `worker`, 0 to worker_count() - 1. It is not woken.
  Task* AddTask(int worker, Task::Function function) {
    return AddTask(worker, TaskClass::kNormal, std::move(function));
  }
  Task* AddTask(int worker, TaskClass task_class, Task::Function function);

  // Keeps `object` until the scheduler dies.
  void Keep(std::shared_ptr<void> object);

  // Runs what is woken by now and ends the workers' threads; returns when they
  // have ended, which takes as long as the tasks that run. May be called again
  // and from several threads. FAILED_PRECONDITION on a worker's own thread.
  //
  // A wake that overlaps the stop may come too late, and with it another that
  // relied on it. So close the work lists first, or once more afterwards: what
  // was not run is handed back then.
  absl::Status Stop();

  // The index of the worker whose thread is the calling one; -1 on others.
  static int CurrentWorker();

 private:
  explicit Scheduler(CpuPlan cpu_plan) : cpu_plan_(std::move(cpu_plan)) {}

  // Fixed before Start() returns; anyone may read.
  const CpuPlan cpu_plan_;
  std::vector<std::unique_ptr<Worker>> workers_;

  // Held by who stops, while it joins: a second one waits for the same end.
  Mutex stop_mutex_;

  Mutex mutex_;
  std::vector<std::unique_ptr<Task>> tasks_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<void>> kept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion

#endif  // PINION_CORE_SCHEDULER_H_
