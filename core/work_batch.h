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
        budget_ticks_(worker.clock().TicksOf(budget.time)),
        begun_(worker.clock().Ticks()) {}
  ~WorkBatch() { worker_.CountItems(handed_out()); }
  WorkBatch(const WorkBatch&) = delete;
  WorkBatch& operator=(const WorkBatch&) = delete;

  // How many items it holds at most.
  size_t size() const { return most_; }

  // Takes the oldest item out, which is the caller's then; null at the end. The
  // first item is always given, the others while the budget lasts: it is looked
  // at when the one before has been handled.
  template <typename Item>
  Item* Pop() {
    if (left_ == 0 || (left_ != most_ && MustEnd())) return nullptr;
    Item* item = waiting_.Pop<Item>();
    // None: the list was closed by its own function, with all that waited.
    if (item != nullptr) --left_;
    return item;
  }

 private:
  // Reading the clock takes longer than handling a short item may. So while
  // items are short it is read after each few of them only: up to
  // `kMostUnlooked`, by which the budget can be overrun if they turn long all
  // at once.
  static constexpr uint32_t kMostUnlooked = 8;
  static constexpr uint64_t kShortTicks = 1000;  // Less than 1 us.

  size_t handed_out() const { return most_ - left_; }

  bool MustEnd() {
    if (ended_ || worker_.ShouldYield()) return true;
    if (--unlooked_ > 0) return false;
    const uint64_t spent = worker_.clock().Ticks() - begun_;
    const bool were_short = spent - spent_ < kShortTicks;
    spent_ = spent;
    stride_ = were_short ? std::min(stride_ * 2, kMostUnlooked) : 1;
    unlooked_ = stride_;
    return ended_ = spent >= budget_ticks_;
  }

  WorkChain& waiting_;
  Worker& worker_;
  const size_t most_;
  size_t left_;
  const uint64_t budget_ticks_;
  const uint64_t begun_;
  uint64_t spent_ = 0;     // At the last look.
  uint32_t stride_ = 1;    // Items from look to look,
  uint32_t unlooked_ = 1;  // and until the next.
  bool ended_ = false;
};

}  // namespace pinion

#endif  // PINION_CORE_WORK_BATCH_H_
