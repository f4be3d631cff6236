// SPDX-License-Identifier: Apache-2.0
//
// WorkerBeat: asks all workers for a sign of life. A worker gives it by running
//             a small task between two others, so one that is held by a handler
//             gives none.
//
// Threads: one at a time may Count(), but for a worker. The tasks run on the
//          workers.
// Life:    the scheduler must outlive it.
// Example: WorkerBeat beat(scheduler);
//          beat.Count();               // Asks.
//          ...
//          if (beat.Count() == 0) AllAreHeld();
#ifndef PINION_SERVER_SYSTEMD_WORKER_BEAT_H_
#define PINION_SERVER_SYSTEMD_WORKER_BEAT_H_

#include <atomic>
#include <memory>
#include <vector>

#include "pinion/core/scheduler.h"
#include "pinion/core/task.h"

namespace pinion {

class WorkerBeat {
 public:
  // Makes a task for each worker; wakes none.
  explicit WorkerBeat(Scheduler& scheduler);
  WorkerBeat(const WorkerBeat&) = delete;
  WorkerBeat& operator=(const WorkerBeat&) = delete;

  // Returns how many workers have given a sign of life since the last call, and
  // asks all of them again. Costs a wake for each worker.
  int Count();

 private:
  struct Beat {
    Task* task = nullptr;
    // Relaxed: nothing is handed over with it.
    std::atomic<bool> given{false};
  };

  // Shared with the tasks, which live as long as the scheduler.
  std::vector<std::shared_ptr<Beat>> beats_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SYSTEMD_WORKER_BEAT_H_
