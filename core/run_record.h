// SPDX-License-Identifier: Apache-2.0
//
// RunRecord: what a worker runs right now and since when, for other threads to
//            see.
//
// Threads: its worker calls Begin() and End(); any thread may Look() at any
//          time.
// Example: if (std::optional<RunRecord::Run> run = record.Look()) ...
#ifndef PINION_CORE_RUN_RECORD_H_
#define PINION_CORE_RUN_RECORD_H_

#include <atomic>
#include <cstdint>
#include <optional>

namespace pinion {

class Task;

class RunRecord {
 public:
  struct Run {
    const Task* task;
    uint64_t begun;  // Clock::Ticks(); differs for each run.
  };

  // `begun` must not be 0, nor equal to the previous run's.
  void Begin(const Task* task, uint64_t begun) {
    // Release, with the acquire in Look(): a thread that sees this task also
    // sees that the previous run has ended.
    task_.store(task, std::memory_order_release);
    // Release, with the acquire in Look(): a thread that sees it sees the task.
    begun_.store(begun, std::memory_order_release);
  }
  void End() { begun_.store(0, std::memory_order_relaxed); }

  // The present run; none between two runs.
  std::optional<Run> Look() const {
    const uint64_t begun = begun_.load(std::memory_order_acquire);
    const Task* task = task_.load(std::memory_order_acquire);
    // The task of the next run was read with the end of this one.
    if (begun == 0 || begun_.load(std::memory_order_relaxed) != begun) {
      return std::nullopt;
    }
    return Run{.task = task, .begun = begun};
  }

 private:
  std::atomic<const Task*> task_{nullptr};
  std::atomic<uint64_t> begun_{0};
};

}  // namespace pinion

#endif  // PINION_CORE_RUN_RECORD_H_
