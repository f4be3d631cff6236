// SPDX-License-Identifier: Apache-2.0
//
// WorkItem: the base class of everything that can wait in a WorkList or an
//           Inbox.
//
// Threads: one holder at a time owns it; appending it gives it away.
// Order:   a WorkChain is a queue of items, oldest first, owned by its holder.
// Example: struct Job : WorkItem { int size; };
//          while (Job* job = chain.Pop<Job>()) Handle(job);
#ifndef PINION_CORE_WORK_ITEM_H_
#define PINION_CORE_WORK_ITEM_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "pinion/core/base/check.h"

namespace pinion {

// Aligned to 16, so that a count fits beside its address in one word
// (work_list.h).
class alignas(16) WorkItem {
 public:
  WorkItem() = default;
  WorkItem(const WorkItem&) = delete;
  WorkItem& operator=(const WorkItem&) = delete;

 private:
  friend class WorkList;
  friend class WorkChain;
  friend class Inbox;

  // The value of `next_` while the item is in no list.
  static WorkItem* Unlinked() { return reinterpret_cast<WorkItem*>(1); }

  // In every build: a list that has an item twice loses all items behind it,
  // and nobody would see why. It costs 2 to 4 instructions for each item, on
  // memory that is written next in any case
  // (docs/decisions/0002-work-lists.md).
  void CheckUnlinked() const {
    PINION_CHECK(next_ == Unlinked(),
                 "this item is still in a list; it was appended twice");
  }

  // The item below in the stack, or behind in the chain. For the holder only.
  WorkItem* next_ = Unlinked();
};

static_assert(sizeof(WorkItem) <= 16);

// A queue of items on the way into a list or out of one. Its holder owns the
// items, and must empty it before destroying it.
class WorkChain {
 public:
  WorkChain() = default;
  WorkChain(WorkChain&& other) noexcept
      : front_(std::exchange(other.front_, nullptr)),
        back_(other.back_),
        size_(std::exchange(other.size_, 0)) {}
  WorkChain& operator=(WorkChain&& other) noexcept {
    PINION_DCHECK(empty(), size_, " items were lost with their chain");
    front_ = std::exchange(other.front_, nullptr);
    back_ = other.back_;
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~WorkChain() {
    PINION_DCHECK(empty(), size_, " items were lost with their chain");
  }

  bool empty() const { return front_ == nullptr; }
  size_t size() const { return size_; }

  // Adds `item` as the youngest.
  void Push(WorkItem* item) {
    item->CheckUnlinked();
    item->next_ = nullptr;
    (empty() ? front_ : back_->next_) = item;
    back_ = item;
    ++size_;
  }

  // Adds all items of `younger` behind these, and empties `younger`.
  void Append(WorkChain&& younger) {
    if (younger.empty()) return;
    (empty() ? front_ : back_->next_) = std::exchange(younger.front_, nullptr);
    back_ = younger.back_;
    size_ += std::exchange(younger.size_, 0);
  }

  // Takes the oldest item; null if there is none.
  template <typename Item = WorkItem>
  Item* Pop() {
    WorkItem* item = front_;
    if (item == nullptr) return nullptr;
    front_ = item->next_;
    item->next_ = WorkItem::Unlinked();
    --size_;
    return static_cast<Item*>(item);
  }

 private:
  friend class WorkList;
  friend class Inbox;

  // Makes a chain of a stack whose youngest item is on top.
  static WorkChain FromStack(WorkItem* top) {
    WorkChain chain;
    chain.back_ = top;
    while (top != nullptr) {
      WorkItem* below = top->next_;
      top->next_ = chain.front_;
      chain.front_ = top;
      ++chain.size_;
      top = below;
    }
    return chain;
  }

  // Reverses the chain: the oldest item becomes the youngest.
  void TurnAround() { *this = FromStack(std::exchange(front_, nullptr)); }

  WorkItem* front_ = nullptr;  // The oldest.
  WorkItem* back_ = nullptr;   // The youngest; valid unless the chain is empty.
  size_t size_ = 0;
};

}  // namespace pinion

#endif  // PINION_CORE_WORK_ITEM_H_
