// SPDX-License-Identifier: Apache-2.0
//
// Inbox: the items that a thread must look at next, even if it is asleep. It is
//        never full.
//
// Threads: any thread may Push(); only the owner calls the rest. The number of
//          pushed items is limited elsewhere.
// Order:   items leave in the order in which they were pushed.
// Example: if (inbox.Push(item)) WakeTheOwner();     // at most once per sleep
#ifndef PINION_CORE_INBOX_H_
#define PINION_CORE_INBOX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "pinion/core/base/interleaving.h"
#include "pinion/core/clock.h"
#include "pinion/core/work_item.h"

namespace pinion {

// One word holds the youngest item and whether the owner sleeps. So announcing
// the sleep and looking again are one step: a swap from "empty" to "asleep",
// which fails if an item has come. Exactly one push ends the announced sleep.
//
//   owner     empty ──TrySleep()──► asleep ──(woken by that push)──► TakeAll()
//   producer                          │ Push() finds "asleep": it must wake
//                                     ▼
//                                   item
class alignas(64) Inbox {
 public:
  Inbox() = default;
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // Adds `item`. True if the owner had announced its sleep: the caller must
  // wake it. Touches neither the item nor the inbox after the swap.
  [[nodiscard]] bool Push(WorkItem* item) {
    item->CheckUnlinked();
    uintptr_t word = word_.load(std::memory_order_relaxed);
    do {
      item->next_ =
          word == kAsleep ? nullptr : reinterpret_cast<WorkItem*>(word);
      PINION_POINT(kLinked);
      // Release, with the acquire in TakeAll(). Acquire, with the release in
      // TrySleep(): the waking thread sees what the owner wrote before it
      // slept.
    } while (!word_.compare_exchange_weak(
        word, reinterpret_cast<uintptr_t>(item), std::memory_order_acq_rel,
        std::memory_order_relaxed));
    return word == kAsleep;
  }

  // Whether no item has come. Cheap; for the owner.
  bool empty() const {
    const uintptr_t word = word_.load(std::memory_order_relaxed);
    return word == kEmpty || word == kAsleep;
  }

  // Takes all items, and revokes the announcement of a sleep.
  WorkChain TakeAll() {
    if (word_.load(std::memory_order_relaxed) == kEmpty) return WorkChain();
    // Acquire, with the release in Push().
    const uintptr_t word = word_.exchange(kEmpty, std::memory_order_acquire);
    if (word == kAsleep) return WorkChain();
    return WorkChain::FromStack(reinterpret_cast<WorkItem*>(word));
  }

  // Announces that the owner is about to sleep. False if an item has come: the
  // owner must take that instead.
  bool TrySleep() {
    uintptr_t expected = kEmpty;
    // Release, with the acquire in Push().
    return word_.compare_exchange_strong(expected, kAsleep,
                                         std::memory_order_release,
                                         std::memory_order_relaxed);
  }

  // Sleeps in the kernel's futex until a push after TrySleep(), or until
  // `until` on the machine's clock. WakeOwner() ends the sleep. An owner that
  // waits in another way does not use these two.
  void Sleep(std::optional<Moment> until = std::nullopt);
  void WakeOwner();

 private:
  static constexpr uintptr_t kEmpty = 0;
  // No item has this address, and its low half, which the futex compares,
  // differs from that of every item's address.
  static constexpr uintptr_t kAsleep = 1;

  std::atomic<uintptr_t> word_{kEmpty};
};

}  // namespace pinion

#endif  // PINION_CORE_INBOX_H_
