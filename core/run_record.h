// SPDX-License-Identifier: Apache-2.0
//
// RunRecord: what a worker runs right now, since when, for others to see.
//
// Threads: its worker calls Begin() and End(); anyone may Look(), at any time.
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
    uint64_t begun;  // Clock::Ticks(). Tells this run from any other.
  };

  // `begun` is not 0, and not that of the run before.
  void Begin(const Task* task, uint64_t begun) {
    // Release, with the acquire in Look(): who sees this task also sees that
    // the run before has ended.
    task_.store(task, std::memory_order_release);
    // Release, with the acquire in Look(): who sees it sees the task.
    begun_.store(begun, std::memory_order_release);
  }
  void End() { begun_.store(0, std::memory_order_relaxed); }

  // The run under way; none between two runs.
  std::optional<Run> Look() const {
    const uint64_t begun = begun_.load(std::memory_order_acquire);
    const Task* task = task_.load(std::memory_order_acquire);
    // A task of the next run was read with the end of this one.
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
