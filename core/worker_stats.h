// SPDX-License-Identifier: Apache-2.0
//
// WorkerStats: what one worker has done since it started.
//
// Threads: a WorkerStats is a copy, its holder's. The WorkerTallies behind it
//          are written by their worker, and read by anyone.
// Example: for (const WorkerStats& worker : scheduler.Snapshot()) ...
#ifndef PINION_CORE_WORKER_STATS_H_
#define PINION_CORE_WORKER_STATS_H_

#include <array>
#include <cstdint>

#include "core/tally.h"
#include "core/task.h"

namespace pinion {

// A copy, each number of which was right when it was read; as the worker goes
// on meanwhile, they need not add up to the last run.
struct WorkerStats {
  int worker = 0;

  uint64_t rounds = 0;
  std::array<uint64_t, kTaskClasses> runs = {};  // By TaskClass.
  uint64_t items = 0;  // Handed out to functions in batches.
  uint64_t longest_run_ns = 0;

  uint64_t busy_ns = 0;  // In rounds.
  uint64_t idle_ns = 0;  // Between them, spinning or asleep; the wait that may
                         // be under way not counted.

  uint64_t timers_armed = 0;  // Now.
  uint64_t timers_fired = 0;

  uint64_t sleeps = 0;
  uint64_t spins_paid = 0;    // Work came before their end.
  uint64_t spins_unpaid = 0;  // It did not.

  // Tasks that other threads queued: at the price of a system call, because the
  // worker slept; and without, because it was awake or woken already.
  uint64_t wakes_sent = 0;
  uint64_t wakes_skipped = 0;
};

// The same as the worker keeps it: the worker writes, anyone reads.
struct WorkerTallies {
  Tally rounds;
  std::array<Tally, kTaskClasses> runs;
  Tally items;
  Tally longest_run_ticks;
  Tally busy_ticks;
  Tally idle_ticks;
  Tally timers_armed;
  Tally timers_fired;
  Tally sleeps;
  Tally spins_paid;
  Tally spins_unpaid;
  Tally wakes_sent;
  Tally wakes_skipped;
};

}  // namespace pinion

#endif  // PINION_CORE_WORKER_STATS_H_
