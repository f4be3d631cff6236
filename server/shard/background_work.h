// SPDX-License-Identifier: Apache-2.0
//
// BackgroundWork: a shard's background work: the functions that it posts to its
// own
//          lane, and its timers.
//
// Threads: its worker only; any thread may call End().
// Order:   posted functions of one class run in the order posted. In each run,
//          due timers and posted functions take turns, up to 256 of each or 500
//          us, so that neither delays the lane's calls longer than a batch of
//          calls would.
// Use:     a shard uses it through its ShardInfo and ShardTimer.
#ifndef PINION_SERVER_SHARD_BACKGROUND_WORK_H_
#define PINION_SERVER_SHARD_BACKGROUND_WORK_H_

#include <array>
#include <atomic>
#include <deque>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "pinion/core/base/thread_role.h"
#include "pinion/core/clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/task.h"
#include "pinion/core/timer_queue.h"
#include "pinion/server/internal/background_timer.h"
#include "pinion/server/log.h"

namespace pinion {

class RunningWork;

class BackgroundWork {
 public:
  using Function = absl::AnyInvocable<void()>;

  // For the shard of the service `name` on `worker`. `running` shows what runs,
  // and `log` gets what functions and timers throw.
  BackgroundWork(Scheduler& scheduler, int worker, const std::string& name,
                 RunningWork& running, LogSink log);
  BackgroundWork(const BackgroundWork&) = delete;
  BackgroundWork& operator=(const BackgroundWork&) = delete;

  // Called on the worker's thread, before the shard is made.
  void Claim() { worker_thread_.Claim(); }

  // Makes `function` run soon, as background work of that class. Functions that
  // have not started when the shard ends are destroyed.
  void Post(TaskClass task_class, Function function);

  // Lets all of it run from now on; what came earlier has waited for this.
  void Open();

  // Lets no more of it start. Relaxed: a thread that must know that the worker
  // has seen it asks the worker for quiet afterwards.
  void End() { ended_.store(true, std::memory_order_relaxed); }

  // Nothing runs any more, and posted functions are destroyed. Called before
  // the shard is destroyed.
  void Close();

  // Fires `timer`, of that class, once `at` has passed; or disarms it.
  void Arm(TaskClass task_class, BackgroundTimer& timer, Moment at);
  void Disarm(TaskClass task_class, BackgroundTimer& timer);

  // Stops a debug build unless the calling thread is the worker's.
  void AssertWorker() const { worker_thread_.Assert(); }

 private:
  // The work of one class.
  struct Queue {
    Task* task = nullptr;
    TimerQueue timers;
    std::deque<Function> posted;
  };

  Queue& QueueOf(TaskClass task_class)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_) {
    return queues_[static_cast<size_t>(task_class)];
  }
  void Run(TaskClass task_class);
  bool RunDueTimer(Queue& queue, Moment now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  bool RunPosted(Queue& queue) ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void LogIfThrown(const absl::Status& thrown) const;
  // Makes the task run when the queue's next timer is due.
  static void SetTaskTimer(Queue& queue);

  // Fixed at construction; any thread may read.
  const Clock clock_;
  const int worker_;
  RunningWork& running_;
  const std::string name_;
  const std::string what_;  // For people: background work of the service.
  const LogSink log_;

  // Shared.
  std::atomic<bool> ended_{false};

  // The worker's only.
  ThreadRole worker_thread_;
  bool open_ ABSL_GUARDED_BY(worker_thread_) = false;
  bool closed_ ABSL_GUARDED_BY(worker_thread_) = false;
  std::array<Queue, kTaskClasses> queues_ ABSL_GUARDED_BY(worker_thread_);
};

}  // namespace pinion

#endif  // PINION_SERVER_SHARD_BACKGROUND_WORK_H_
