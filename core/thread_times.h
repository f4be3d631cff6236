// SPDX-License-Identifier: Apache-2.0
//
// ThreadTimes: how long a thread had a CPU or waited for one, and whether it
//              blocked voluntarily, according to the kernel.
//
// Threads: any thread, about any thread of this process.
// Cost:    about 50 us: two small files of /proc and one system call.
// Example: absl::StatusOr<ThreadTimes> before = ReadThreadTimes(thread), ...
//          const auto its_own = wall - NotGiven(*before, *after, wall);
#ifndef PINION_CORE_THREAD_TIMES_H_
#define PINION_CORE_THREAD_TIMES_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace pinion {

// Since the thread began. Only the difference of two readings means anything.
struct ThreadTimes {
  // The time on a CPU.
  std::chrono::nanoseconds cpu{0};
  // The time in which it was ready to run but waited for a CPU. Grows when a
  // wait ends, not during it. Always 0 if the kernel does not report it.
  std::chrono::nanoseconds run_delay{0};
  // How often it left its CPU voluntarily: slept, or waited for a lock, a disk
  // or an answer.
  uint64_t voluntary_switches = 0;
  // Whether it is neither on a CPU nor ready for one.
  bool blocked = false;
};

// Reads the times of the thread with id `thread`, a gettid(). NOT_FOUND if this
// process has no such thread (any more); INTERNAL if the kernel's files cannot
// be read or understood. `tasks` is their folder.
absl::StatusOr<ThreadTimes> ReadThreadTimes(
    pid_t thread, const std::string& tasks = "/proc/self/task");

// How much of the time `wall` between two readings the thread would have used
// but did not get: other threads or the hypervisor had its CPU, or its group's
// quota was used up. Between 0 and `wall`.
//
// For a thread that did not block, this is all its time without a CPU. The only
// error is what the kernel does not see: if a hypervisor hides stolen time, it
// looks like used time and is missing here.
//
// For a thread that blocked, its time without a CPU may be voluntary, so this
// is only what the kernel counted as waiting (`run_delay`). That is too little
// by
// - what the hypervisor stole and what interrupts took: nobody counts those
//   for each thread;
// - a wait that still lasts at the second reading;
// - everything, if the kernel does not report `run_delay`.
// And it is too much by the part of a wait that lies before the first reading.
//
// So read often: a thread that blocks now and then is then judged by the first
// rule most of the time, and each of these errors is limited to the spans in
// which it blocked.
std::chrono::nanoseconds NotGiven(const ThreadTimes& before,
                                  const ThreadTimes& after,
                                  std::chrono::nanoseconds wall);

}  // namespace pinion

#endif  // PINION_CORE_THREAD_TIMES_H_
