// SPDX-License-Identifier: Apache-2.0
//
// OwnWork: what a shard does of its own accord: functions that it posts to its
//          own lane, and its timers.
//
// Threads: its worker's; anyone may End().
// Order:   posted functions of one class run in the order posted. In each run
//          due timers and posted functions take turns, up to 256 of each or
//          500 us, so that neither keeps the lane's calls for longer than a
//          batch of those would.
// Use:     a shard has it by its ShardInfo and by ShardTimer.
#ifndef PINION_SERVER_OWN_WORK_H_
#define PINION_SERVER_OWN_WORK_H_

#include <array>
#include <atomic>
#include <deque>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "core/clock.h"
#include "core/scheduler.h"
#include "core/task.h"
#include "core/thread_role.h"
#include "core/timer_queue.h"
#include "server/log.h"

namespace pinion {

// A timer of a shard's.
class OwnTimer : public Timer {
 public:
  // It was due at `now`.
  virtual void Fire(Moment now) = 0;

 protected:
  ~OwnTimer() = default;
};

class OwnWork {
 public:
  using Function = absl::AnyInvocable<void()>;

  // For the shard of the service `name` on `worker`; `log` is told what
  // functions and timers throw.
  OwnWork(Scheduler& scheduler, int worker, const std::string& name,
          LogFunction log);
  OwnWork(const OwnWork&) = delete;
  OwnWork& operator=(const OwnWork&) = delete;

  // The worker's thread takes it, before the shard is made.
  void Claim() { worker_thread_.Claim(); }

  // Has `function` run soon, as one of that class. Those that have not begun
  // when the shard ends are destroyed.
  void Post(TaskClass task_class, Function function);

  // From now on all of it runs; what came before waits till now.
  void Open();

  // From now on none of it begins. Relaxed: who must know that the worker has
  // seen it asks it for quiet afterwards.
  void End() { ended_.store(true, std::memory_order_relaxed); }

  // None runs any more, and what was posted is destroyed. Before the shard is.
  void Close();

  // Has `timer`, of that class, fire when `at` has passed, or not any more.
  void Arm(TaskClass task_class, OwnTimer& timer, Moment at);
  void Disarm(TaskClass task_class, OwnTimer& timer);

  // Stops a debug build unless the calling thread is the worker's.
  void AssertWorker() const { worker_thread_.Assert(); }

 private:
  // What is done in one class.
  struct Line {
    Task* task = nullptr;
    TimerQueue timers;
    std::deque<Function> posted;
  };

  Line& LineOf(TaskClass task_class)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_) {
    return lines_[static_cast<size_t>(task_class)];
  }
  void Run(TaskClass task_class);
  bool RunDueTimer(Line& line, Moment now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  bool RunPosted(Line& line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  void LogIfThrown(const absl::Status& thrown) const;
  // Has the task run when the line's next timer is due.
  static void SetTaskTimer(Line& line);

  // Fixed at construction; anyone may read.
  const Clock clock_;
  const std::string name_;
  const LogFunction log_;

  // Shared.
  std::atomic<bool> ended_{false};

  // The worker's alone.
  ThreadRole worker_thread_;
  bool open_ ABSL_GUARDED_BY(worker_thread_) = false;
  bool closed_ ABSL_GUARDED_BY(worker_thread_) = false;
  std::array<Line, kTaskClasses> lines_ ABSL_GUARDED_BY(worker_thread_);
};

}  // namespace pinion

#endif  // PINION_SERVER_OWN_WORK_H_
