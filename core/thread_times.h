// SPDX-License-Identifier: Apache-2.0
//
// ThreadTimes: how long a thread had a CPU, waited for one, and whether it
// blocked by its own will, as the kernel counts it.
//
// Threads: anyone, about any thread of this process.
// Cost:    some 50 us: two small files of /proc and one system call.
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

// Since the thread began. Only the differences of two readings mean anything.
struct ThreadTimes {
  // Had a CPU.
  std::chrono::nanoseconds cpu{0};
  // Was ready to run, but waited for a CPU. Grows when a wait ends, not while
  // it lasts. Always 0 where the kernel does not tell.
  std::chrono::nanoseconds run_delay{0};
  // How often it left its CPU by its own will: slept, or waited for a lock, a
  // disk or an answer.
  uint64_t voluntary_switches = 0;
  // Is neither on a CPU nor ready for one.
  bool blocked = false;
};

// About the thread with id `thread`, as gettid() tells it. NOT_FOUND if this
// process has no such thread (any more); INTERNAL if the kernel's files cannot
// be read or are not understood. `tasks` is where they lie.
absl::StatusOr<ThreadTimes> ReadThreadTimes(
    pid_t thread, const std::string& tasks = "/proc/self/task");

// How much of the time `wall` between two readings the thread would have used
// but was not given: other threads had its CPU, or the hypervisor had, or its
// group's quota was used up. Between 0 and `wall`.
//
// Of a thread that did not block, all time without a CPU. That errs only by
// what the kernel does not see: a hypervisor that hides what it steals makes
// stolen time look like used time, which is then not found here.
//
// Of a thread that blocked, time without a CPU is its own as well, so only what
// the kernel counted as waiting (`run_delay`) is found. That is too little by
// - what the hypervisor stole, and what interrupts took: no one counts those
//   for each thread;
// - a wait that still lasts at the second reading;
// - everything, where the kernel does not tell `run_delay`.
// And it is too much by the part of a wait that lies before the first reading.
//
// So read often: then a thread that blocks now and then is judged by the first
// rule for most of its time, and each of these errors is held to the spans in
// which it blocked.
std::chrono::nanoseconds NotGiven(const ThreadTimes& before,
                                  const ThreadTimes& after,
                                  std::chrono::nanoseconds wall);

}  // namespace pinion

#endif  // PINION_CORE_THREAD_TIMES_H_
