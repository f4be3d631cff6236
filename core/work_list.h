// SPDX-License-Identifier: Apache-2.0
//
// WorkList: the bounded queue of items that wait for one task.
//
// Threads: any thread may call Append(), Refuse(), Close() and size(). Only the
//          worker of the list's task calls TakeAll().
// Order:   items leave in the order in which they were accepted.
// Example: if (list.Append(item) == Appended::kFirst) task.Wake(kWakeItems);
#ifndef PINION_CORE_WORK_LIST_H_
#define PINION_CORE_WORK_LIST_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "pinion/core/base/check.h"
#include "pinion/core/base/interleaving.h"
#include "pinion/core/work_item.h"

namespace pinion {

enum class Appended {
  kFirst,   // Accepted, and the list was empty: wake the task.
  kBehind,  // Accepted behind others, whose producer wakes the task.
  kFull,    // Refused: the list is full. The caller keeps the item.
  kClosed,  // Refused forever: the list is closed. The caller keeps the item.
};

inline bool Accepted(Appended appended) {
  return appended == Appended::kFirst || appended == Appended::kBehind;
}

// A stack that is taken whole and turned around, after Treiber ("Systems
// Programming: Coping with Parallelism", 1986). One word holds everything that
// threads must agree on: the youngest item, the number of items, and whether
// the list is closed. So the bound is exact and an append is one
// compare-and-swap.
//
// The worker may handle and free an item before Append() returns. From the swap
// on, Append() touches neither the item nor the list.
class alignas(64) WorkList {
 public:
  // 19 bits of the word count.
  static constexpr size_t kMaxCapacity = (size_t{1} << 19) - 1;

  // Holds up to `capacity` items, 1 to kMaxCapacity.
  explicit WorkList(size_t capacity) : capacity_(capacity) {
    PINION_CHECK(capacity >= 1 && capacity <= kMaxCapacity,
                 "a work list holds 1 to ", kMaxCapacity, " items, not ",
                 capacity);
  }
  ~WorkList() {
    PINION_DCHECK(size() == 0, size(),
                  " items still waited in a list that goes; close it first, "
                  "which hands them back");
  }
  WorkList(const WorkList&) = delete;
  WorkList& operator=(const WorkList&) = delete;

  // Appends `item`, unless the list refuses it. An item that is still in a list
  // or a chain ends the program, in every build.
  Appended Append(WorkItem* item) {
    item->CheckUnlinked();
    const Appended appended = Push(item, item, 1);
    if (!Accepted(appended)) item->next_ = WorkItem::Unlinked();
    return appended;
  }

  // Appends all items of `chain` together and empties it, or appends none. An
  // empty chain is accepted and needs no wake.
  Appended Append(WorkChain& chain) {
    if (chain.empty()) return Appended::kBehind;
    // In the stack, each item lies on the next older one.
    chain.TurnAround();
    const Appended appended = Push(chain.front_, chain.back_, chain.size_);
    if (Accepted(appended)) {
      chain.front_ = nullptr;
      chain.size_ = 0;
    } else {
      chain.back_->next_ = nullptr;
      chain.TurnAround();
    }
    return appended;
  }

  // Takes all waiting items. More may arrive at once.
  WorkChain TakeAll() { return Take(/*close=*/false); }

  // Refuses all further items; waiting items stay and can be taken.
  void Refuse() { word_.fetch_or(kClosed, std::memory_order_relaxed); }

  // Refuses all further items and hands back the waiting ones. You may call it
  // more than once, and while others append and take. Each item is accepted and
  // then taken or handed back, exactly once, or it is refused.
  WorkChain Close() { return Take(/*close=*/true); }

  size_t capacity() const { return capacity_; }

  // The number of waiting items, a moment ago.
  size_t size() const { return Count(word_.load(std::memory_order_relaxed)); }

 private:
  // The word: the top item's address without its low 4 bits, which are zero
  // (44 bits), closed (1 bit), count (19 bits).
  static constexpr int kAddressBits = 44;
  static constexpr uint64_t kClosed = uint64_t{1} << kAddressBits;
  static constexpr uint64_t kOne = kClosed << 1;

  static uint64_t Address(const WorkItem* item) {
    const uint64_t address = reinterpret_cast<uintptr_t>(item) >> 4;
    PINION_DCHECK(address < kClosed, "an address of more than 48 bits");
    return address;
  }
  static WorkItem* Top(uint64_t word) {
    return reinterpret_cast<WorkItem*>((word & (kClosed - 1)) << 4);
  }
  static size_t Count(uint64_t word) { return word / kOne; }

  // Puts `count` items on the stack; `top` is the youngest and `bottom` the
  // oldest.
  Appended Push(WorkItem* top, WorkItem* bottom, size_t count) {
    uint64_t word = word_.load(std::memory_order_relaxed);
    do {
      if ((word & kClosed) != 0) return Appended::kClosed;
      if (Count(word) + count > capacity_) return Appended::kFull;
      bottom->next_ = Top(word);
      PINION_POINT(kLinked);
      // Release, with the acquire in Take(): the thread that takes the items
      // sees everything written to them. Later swaps by other producers
      // continue the release sequence.
    } while (!word_.compare_exchange_weak(
        word, Address(top) | ((word & ~(kOne - 1)) + count * kOne),
        std::memory_order_release, std::memory_order_relaxed));
    PINION_POINT(kAppended);
    return word == 0 ? Appended::kFirst : Appended::kBehind;
  }

  WorkChain Take(bool close) {
    uint64_t word = word_.load(std::memory_order_relaxed);
    uint64_t left;
    do {
      left = close ? kClosed : word & kClosed;
      if (word == left) return WorkChain();
      // Acquire, with the release in Append().
    } while (!word_.compare_exchange_weak(word, left, std::memory_order_acquire,
                                          std::memory_order_relaxed));
    return WorkChain::FromStack(Top(word));
  }

  // Shared.
  std::atomic<uint64_t> word_{0};
  // Fixed at construction; any thread may read.
  const size_t capacity_;
};

static_assert(sizeof(WorkList) == 64 && alignof(WorkList) == 64,
              "a list is one cache line, and no two share one");

}  // namespace pinion

#endif  // PINION_CORE_WORK_LIST_H_
