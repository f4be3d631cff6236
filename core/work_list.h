// SPDX-License-Identifier: Apache-2.0
//
// WorkList: the bounded line of items waiting for one task.
//
// Threads: anyone may Append(), Refuse(), Close() and look at size(); only the
//          worker of the list's task calls TakeAll().
// Order:   items leave in the order in which they were accepted.
// Example: if (list.Append(item) == Appended::kFirst) task.Wake(kWakeItems);
#ifndef PINION_CORE_WORK_LIST_H_
#define PINION_CORE_WORK_LIST_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/check.h"
#include "core/interleaving.h"
#include "core/work_item.h"

namespace pinion {

enum class Appended {
  kFirst,   // Accepted, and the list was empty: the task must be woken.
  kBehind,  // Accepted behind others; who appended the first wakes the task.
  kFull,    // Refused: the list holds its capacity. The caller keeps the item.
  kClosed,  // Refused, for good: the list is closed. The caller keeps the item.
};

inline bool Accepted(Appended appended) {
  return appended == Appended::kFirst || appended == Appended::kBehind;
}

// A stack taken whole and turned around: after Treiber ("Systems Programming:
// Coping with Parallelism", 1986). One word holds all there is to agree on: the
// youngest item, how many wait, and whether the list is closed; so the bound is
// exact and an append is one compare-and-swap.
//
// An item may be handled, and freed, before Append() returns: from the moment
// of the swap Append() touches neither the item nor the list.
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

  // Appends `item`, unless it is refused.
  Appended Append(WorkItem* item) {
    item->AssertUnlinked();
    const Appended appended = Push(item, item, 1);
    if (!Accepted(appended)) item->next_ = WorkItem::Unlinked();
    return appended;
  }

  // Appends all items of `chain` together and empties it, or none of them. An
  // empty chain is accepted, and wakes nobody.
  Appended Append(WorkChain& chain) {
    if (chain.empty()) return Appended::kBehind;
    // Below each item of the stack lies the next older one.
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

  // Takes what waits. More may come at once.
  WorkChain TakeAll() { return Take(/*close=*/false); }

  // Refuses all further items; those that wait stay to be taken.
  void Refuse() { word_.fetch_or(kClosed, std::memory_order_relaxed); }

  // Refuses all further items and hands back those that still waited. May be
  // called again, and while others append and take: each item is accepted and
  // taken once, or handed back once, or refused.
  WorkChain Close() { return Take(/*close=*/true); }

  size_t capacity() const { return capacity_; }

  // How many items wait, a moment ago.
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

  // Puts `count` items on the stack, of which `top` is the youngest and
  // `bottom` the oldest.
  Appended Push(WorkItem* top, WorkItem* bottom, size_t count) {
    uint64_t word = word_.load(std::memory_order_relaxed);
    do {
      if ((word & kClosed) != 0) return Appended::kClosed;
      if (Count(word) + count > capacity_) return Appended::kFull;
      bottom->next_ = Top(word);
      // Release, with the acquire in Take(): who takes the items sees all that
      // was written to them. Later swaps by other producers carry this on.
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
  // Fixed at construction; anyone may read.
  const size_t capacity_;
};

static_assert(sizeof(WorkList) == 64 && alignof(WorkList) == 64,
              "a list is one cache line, and no two share one");

}  // namespace pinion

#endif  // PINION_CORE_WORK_LIST_H_
