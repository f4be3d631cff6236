// SPDX-License-Identifier: Apache-2.0
//
// WorkerStats: what one worker has done since it started.
//
// Threads: a WorkerStats is a copy and plain data. The worker writes the
//          WorkerTallies and RestTallies behind it, and any thread reads them.
// Example: for (const WorkerStats& worker : scheduler.Snapshot()) ...
#ifndef PINION_CORE_WORKER_STATS_H_
#define PINION_CORE_WORKER_STATS_H_

#include <array>
#include <cstdint>

#include "pinion/core/tally.h"
#include "pinion/core/task.h"

namespace pinion {

// Each number was right when it was read. The worker goes on meanwhile, so the
// numbers may not add up exactly.
struct WorkerStats {
  int worker = 0;

  uint64_t rounds = 0;
  std::array<uint64_t, kTaskClasses> runs = {};  // By TaskClass.
  uint64_t items = 0;  // Handed out to functions in batches.
  uint64_t longest_run_ns = 0;

  uint64_t busy_ns = 0;  // In rounds.
  // Between rounds, spinning or asleep, without a wait in progress.
  uint64_t idle_ns = 0;

  uint64_t timers_armed = 0;  // Now.
  uint64_t timers_fired = 0;

  uint64_t sleeps = 0;
  uint64_t spins_paid = 0;    // Work arrived while spinning.
  uint64_t spins_unpaid = 0;  // No work arrived.

  // Tasks queued by other threads: `wakes_sent` with a system call, because the
  // worker slept; the other without one, because it was awake or already woken.
  uint64_t wakes_sent = 0;
  uint64_t wakes_skipped = 0;
};

// The same as the worker keeps it; the rest of it is in RestTallies
// (core/worker_rest.h). Only the worker writes; any thread reads.
struct WorkerTallies {
  Tally rounds;
  std::array<Tally, kTaskClasses> runs;
  Tally items;
  Tally longest_run_ticks;
  Tally busy_ticks;
  Tally timers_armed;
  Tally timers_fired;
};

}  // namespace pinion

#endif  // PINION_CORE_WORKER_STATS_H_
