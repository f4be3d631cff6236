// SPDX-License-Identifier: Apache-2.0
//
// WatchStalls: a StallWatch over all workers of a scheduler.
//
// Threads: one thread makes the watch and destroys it, before the scheduler.
// Example: auto watch = WatchStalls(*scheduler, {}, [](const StallReport& r) {
//            std::cerr << Describe(r, r.task->name()) << "\n";
//          });
#ifndef PINION_CORE_WATCH_STALLS_H_
#define PINION_CORE_WATCH_STALLS_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/stall_watch.h"

namespace pinion {

// Starts watching. Returns an error if the kernel does not report the times of
// a worker's thread. A manual scheduler has no threads and cannot be watched.
inline absl::StatusOr<std::unique_ptr<StallWatch>> WatchStalls(
    const Scheduler& scheduler, const StallWatchOptions& options,
    StallWatch::Callback callback,
    StallWatch::StateCallback state_callback = nullptr) {
  std::vector<StallWatch::Watched> workers;
  for (int i = 0; i < scheduler.worker_count(); ++i) {
    workers.push_back({.worker = i,
                       .record = &scheduler.running(i),
                       .thread_id = scheduler.thread_id(i)});
  }
  auto watch = std::make_unique<StallWatch>(workers, scheduler.clock(), options,
                                            std::move(callback),
                                            std::move(state_callback));
  const absl::Status status = watch->Start();
  if (!status.ok()) return status;
  return watch;
}

}  // namespace pinion

#endif  // PINION_CORE_WATCH_STALLS_H_
