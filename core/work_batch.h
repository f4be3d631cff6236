// SPDX-License-Identifier: Apache-2.0
//
// WorkBatch: the waiting items that one run of a task may handle.
//
// Threads: its worker only.
// Order:   oldest first. The batch ends when its budget of items or time is
//          used up, or when an urgent task waits. Another run follows for the
//          items that are left.
// Example: while (Job* job = batch.Pop<Job>()) Handle(job);
#ifndef PINION_CORE_WORK_BATCH_H_
#define PINION_CORE_WORK_BATCH_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "pinion/core/work_item.h"
#include "pinion/core/worker.h"

namespace pinion {

class WorkBatch {
 public:
  // WorkLists::Create() refuses a budget that would never hand out an item.
  struct Budget {
    // At least 1.
    size_t items = 256;
    // At least 0. Each batch hands out one item in any case; with 0, no more.
    std::chrono::microseconds time{500};
  };

  // Hands out the oldest of `waiting`, which must outlive it, to a task of
  // `worker`.
  WorkBatch(WorkChain& waiting, const Budget& budget, Worker& worker)
      : waiting_(waiting),
        worker_(worker),
        most_(std::min(waiting.size(), budget.items)),
        left_(most_),
        budget_ticks_(worker.clock().TicksOf(budget.time)),
        begun_(worker.clock().Ticks()) {}
  ~WorkBatch() { worker_.CountItems(handed_out()); }
  WorkBatch(const WorkBatch&) = delete;
  WorkBatch& operator=(const WorkBatch&) = delete;

  // The most items that it holds.
  size_t size() const { return most_; }

  // Takes the oldest item, which then belongs to the caller; null at the end.
  // It always returns the first item, and the others while the budget lasts. It
  // checks the budget after the previous item has been handled.
  template <typename Item>
  Item* Pop() {
    if (left_ == 0 || (left_ != most_ && MustEnd())) return nullptr;
    Item* item = waiting_.Pop<Item>();
    // Null: the function closed its own list, with all items that waited.
    if (item != nullptr) --left_;
    return item;
  }

 private:
  // Reading the clock may take longer than handling a short item. So while
  // items are short, the clock is read only once for several of them, at most
  // `kMaxUnlooked`. If they all turn long at once, the budget is exceeded by
  // as many.
  static constexpr uint32_t kMaxUnlooked = 8;
  static constexpr uint64_t kShortTicks = 1000;  // Less than 1 us.

  size_t handed_out() const { return most_ - left_; }

  bool MustEnd() {
    if (ended_ || worker_.ShouldYield()) return true;
    if (--unlooked_ > 0) return false;
    const uint64_t spent = worker_.clock().Ticks() - begun_;
    const bool were_short = spent - spent_ < kShortTicks;
    spent_ = spent;
    stride_ = were_short ? std::min(stride_ * 2, kMaxUnlooked) : 1;
    unlooked_ = stride_;
    return ended_ = spent >= budget_ticks_;
  }

  WorkChain& waiting_;
  Worker& worker_;
  const size_t most_;
  size_t left_;
  const uint64_t budget_ticks_;
  const uint64_t begun_;
  uint64_t spent_ = 0;     // When the clock was read last.
  uint32_t stride_ = 1;    // Items between two readings,
  uint32_t unlooked_ = 1;  // and until the next one.
  bool ended_ = false;
};

}  // namespace pinion

#endif  // PINION_CORE_WORK_BATCH_H_
