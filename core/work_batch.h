// SPDX-License-Identifier: Apache-2.0
//
// WorkBatch: the items that one run of a task may handle, of those that wait.
//
// Threads: its worker's.
// Order:   oldest first. It ends with its budget of items or time, or for an
//          urgent task that waits; what is left is handled by the next run,
//          which follows by itself.
// Example: while (Job* job = batch.Pop<Job>()) Handle(job);
#ifndef PINION_CORE_WORK_BATCH_H_
#define PINION_CORE_WORK_BATCH_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "core/cycle_clock.h"
#include "core/work_item.h"
#include "core/worker.h"

namespace pinion {

class WorkBatch {
 public:
  struct Budget {
    size_t items = 256;
    std::chrono::microseconds time{500};
  };

  // Hands out the oldest of `waiting`, which outlives it, to a task of
  // `worker`.
  WorkBatch(WorkChain& waiting, const Budget& budget, Worker& worker)
      : waiting_(waiting),
        worker_(worker),
        most_(std::min(waiting.size(), budget.items)),
        left_(most_),
        ends_at_(CycleClock::Now() +
                 CycleClock::FromNanos(budget.time.count() * 1000)) {}
  WorkBatch(const WorkBatch&) = delete;
  WorkBatch& operator=(const WorkBatch&) = delete;

  // How many items it holds at most.
  size_t size() const { return most_; }

  // Takes the oldest item out, which is the caller's then; null at the end. The
  // first item is always given, the others while the budget lasts: it is looked
  // at when the one before has been handled.
  template <typename Item>
  Item* Pop() {
    if (left_ == 0) return nullptr;
    if (left_ != most_ && MustEnd()) {
      left_ = 0;
      return nullptr;
    }
    --left_;
    return waiting_.Pop<Item>();
  }

 private:
  bool MustEnd() {
    return CycleClock::Now() - ends_at_ < kHalfRange || worker_.ShouldYield();
  }

  // A moment that has passed lies less than this behind, even if the counter
  // has wrapped.
  static constexpr uint64_t kHalfRange = uint64_t{1} << 63;

  WorkChain& waiting_;
  Worker& worker_;
  const size_t most_;
  size_t left_;
  const uint64_t ends_at_;
};

}  // namespace pinion

#endif  // PINION_CORE_WORK_BATCH_H_
