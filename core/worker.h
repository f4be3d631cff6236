// SPDX-License-Identifier: Apache-2.0
//
// Worker: one thread, pinned to its CPU, which runs the tasks that are woken.
//
// Threads: the scheduler makes, starts and stops it; anyone may Enqueue() (by
//          way of Task::Wake()); the loop is the worker's own thread.
// Loop:    take all woken tasks, run each once, and when there are none, sleep.
#ifndef PINION_CORE_WORKER_H_
#define PINION_CORE_WORKER_H_

#include <atomic>
#include <optional>
#include <thread>

#include "absl/status/status.h"
#include "core/inbox.h"
#include "core/task.h"
#include "core/thread_role.h"

namespace pinion {

struct WorkerOptions {
  // From 0; the thread is named pinion-w<index>.
  int index = 0;
  // The one CPU to run on; none: wherever the kernel likes.
  std::optional<int> cpu = std::nullopt;
  // Run under SCHED_BATCH: a woken worker does not push aside the thread that
  // runs on its CPU, so items gather while others work. Where CPUs are short
  // this saves most context switches; on an idle CPU it changes nothing.
  bool batch_scheduling = true;
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

  // Has the worker run what is woken by now, and end. Join() waits for that.
  void BeginStop() { stop_task_.Wake(); }
  void Join();

  // Has `task` run. Called once for each time it becomes queued.
  void Enqueue(Task* task) {
    if (inbox_.Push(task)) inbox_.WakeOwner();
  }

  const WorkerOptions& options() const { return options_; }

  // The worker whose thread is the calling one; null on any other thread.
  static const Worker* Current();

 private:
  // Names the thread and puts it where the options want it.
  absl::Status Settle();
  void Run();
  void RunWoken() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);

  // Fixed at construction; anyone may read.
  const WorkerOptions options_;

  // Shared.
  Inbox inbox_;
  Task stop_task_;

  // The owner's: Start() and Join().
  std::thread thread_;

  // The worker thread's alone.
  ThreadRole worker_thread_;
  bool stopping_ ABSL_GUARDED_BY(worker_thread_) = false;
};

}  // namespace pinion

#endif  // PINION_CORE_WORKER_H_
