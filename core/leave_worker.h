// SPDX-License-Identifier: Apache-2.0
//
// LeaveWorker: undoes what a thread inherits from the worker that made it.
//
// Threads: any thread but a worker's own; it changes the calling thread.
// Why:     a new thread has the CPUs, the scheduling policy and the name of its
//          maker. One that a task, a handler or a shard's constructor makes
//          would compete with the worker for its one CPU, under SCHED_BATCH and
//          under the worker's name.
// Example: writer_ = std::thread([this] {
//            const absl::Status left = LeaveWorker("cart-writer");
//            ...
//          });
//
// Threads that such a thread makes are free as well. So if a library makes the
// threads, call it on a thread of its own:
//          std::thread([&] {
//            status = LeaveWorker("cart-open");
//            database = Open(path);
//          }).join();
#ifndef PINION_CORE_LEAVE_WORKER_H_
#define PINION_CORE_LEAVE_WORKER_H_

#include <string>

#include "absl/status/status.h"

namespace pinion {

// Gives the calling thread the CPUs that the process's first thread may use,
// which runs main(), the scheduling policy SCHED_OTHER, and `name`, of 1 to 15
// bytes. Returns INVALID_ARGUMENT for another name, FAILED_PRECONDITION on a
// worker's own thread, and what the kernel refuses.
absl::Status LeaveWorker(const std::string& name);

}  // namespace pinion

#endif  // PINION_CORE_LEAVE_WORKER_H_
