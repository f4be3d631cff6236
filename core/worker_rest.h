// SPDX-License-Identifier: Apache-2.0
//
// WorkerRest: what a worker does while no task is woken. It spins for a short
//             time, if that has recently paid, and then it sleeps.
//
// Threads: any thread may Push() and read tallies(). The rest is for the worker
//          that has the role.
// Order:   tasks arrive in the order in which they were pushed. A push that
//          finds an announced sleep ends it: no wake is lost (core/inbox.h).
// Example: WorkerRest rest(options.spin, clock, worker_thread);
//          now = rest.AwaitWork(now, timers.Next());
//          WorkerRest::Arrived arrived = rest.TakeAll();
#ifndef PINION_CORE_WORKER_REST_H_
#define PINION_CORE_WORKER_REST_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "pinion/core/base/interleaving.h"
#include "pinion/core/base/thread_role.h"
#include "pinion/core/clock.h"
#include "pinion/core/inbox.h"
#include "pinion/core/spin.h"
#include "pinion/core/tally.h"
#include "pinion/core/wake_times.h"
#include "pinion/core/work_item.h"

namespace pinion {

// See WorkerStats. Only the worker writes; any thread reads.
struct RestTallies {
  Tally idle_ticks;
  Tally sleeps;
  Tally spins_paid;
  Tally spins_unpaid;
  Tally wakes_sent;
  Tally wakes_skipped;
};

class WorkerRest {
 public:
  // What has arrived, and whether its first push ended an announced sleep.
  struct Arrived {
    WorkChain tasks;
    bool was_asleep;
  };

  // `worker_thread` must outlive it.
  WorkerRest(const SpinOptions& options, const Clock& clock,
             const ThreadRole& worker_thread);
  WorkerRest(const WorkerRest&) = delete;
  WorkerRest& operator=(const WorkerRest&) = delete;

  // Adds `task`, and wakes the worker if it had announced a sleep.
  void Push(WorkItem* task) {
    const bool must_wake = inbox_.Push(task);
    PINION_POINT(kPushed);
    if (must_wake) inbox_.WakeOwner();
  }

  // Whether nothing has arrived. Cheap.
  bool empty() const {
    worker_thread_.Assert();
    return inbox_.empty();
  }

  // Takes what has arrived, and revokes the announcement of a sleep.
  Arrived TakeAll() {
    worker_thread_.Assert();
    Arrived arrived = {.tasks = inbox_.TakeAll(), .was_asleep = false};
    PINION_POINT(kSorted);
    arrived.was_asleep = std::exchange(announced_, false);
    if (!arrived.tasks.empty()) CountWakes(arrived);
    return arrived;
  }

  // Call it for each task that has arrived, in their order: it was pushed at
  // `arrival`, in ticks. The first one after a wait shows whether a spin would
  // have paid and, if it `was_woken` out of a sleep, when it was woken.
  void LearnFromWaitFor(uint64_t arrival, bool was_woken) {
    worker_thread_.Assert();
    if (idle_since_.has_value()) Learn(arrival, was_woken);
  }

  // Rests from `now`, in ticks, until a task has arrived or `timer`, the time
  // of the next timer, has come. Returns when that was, in ticks.
  uint64_t AwaitWork(uint64_t now, std::optional<Moment> timer);

  // Announces a sleep. Includes the second look; false if work has come.
  bool AnnounceSleep();

  // See Worker::last_wake().
  WakeTimes last_wake() const {
    worker_thread_.Assert();
    return last_wake_;
  }

  const RestTallies& tallies() const { return tallies_; }

 private:
  void CountWakes(const Arrived& arrived)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_) {
    // The thread that pushed the first task after the announcement made the
    // system call.
    tallies_.wakes_sent.Add(arrived.was_asleep ? 1 : 0);
    tallies_.wakes_skipped.Add(arrived.tasks.size() -
                               (arrived.was_asleep ? 1 : 0));
  }
  void Learn(uint64_t arrival, bool was_woken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);
  // Whether work came within the limit.
  bool Spin(std::optional<Moment> timer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread_);

  // Shared. It has a cache line of its own.
  Inbox inbox_;

  // Fixed at construction; any thread may read.
  const ThreadRole& worker_thread_;
  const Clock clock_;
  const uint64_t spin_ticks_;

  // Only the worker writes it.
  RestTallies tallies_;

  // The worker thread's only.
  bool announced_ ABSL_GUARDED_BY(worker_thread_) = false;  // A sleep.
  SpinAdvice spin_ ABSL_GUARDED_BY(worker_thread_);
  // The start of the wait that LearnFromWaitFor() has not seen yet, and the end
  // of the last wait.
  std::optional<uint64_t> idle_since_ ABSL_GUARDED_BY(worker_thread_);
  uint64_t awake_ ABSL_GUARDED_BY(worker_thread_) = 0;
  WakeTimes last_wake_ ABSL_GUARDED_BY(worker_thread_);
};

}  // namespace pinion

#endif  // PINION_CORE_WORKER_REST_H_
