// SPDX-License-Identifier: Apache-2.0
//
// Inbox: what a thread that may be asleep is to look at next; never full.
//
// Threads: anyone may Push(); only the thread that owns the inbox calls the
//          rest. What is pushed is bounded elsewhere.
// Order:   items leave in the order in which they were pushed.
// Example: if (inbox.Push(item)) WakeTheOwner();     // at most once per sleep
#ifndef PINION_CORE_INBOX_H_
#define PINION_CORE_INBOX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/clock.h"
#include "core/work_item.h"

namespace pinion {

// One word holds the youngest item and whether the owner sleeps. Announcing the
// sleep and looking again are therefore one step, a swap from "empty" to
// "asleep" which fails if something has come; and exactly one push undoes it.
//
//   owner     empty ──TrySleep()──► asleep ──(woken by who pushed)──► TakeAll()
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
    item->AssertUnlinked();
    uintptr_t word = word_.load(std::memory_order_relaxed);
    do {
      item->next_ =
          word == kAsleep ? nullptr : reinterpret_cast<WorkItem*>(word);
      // Release, with the acquire in TakeAll(). Acquire, with the release in
      // TrySleep(): who wakes sees what the owner wrote before it slept.
    } while (!word_.compare_exchange_weak(
        word, reinterpret_cast<uintptr_t>(item), std::memory_order_acq_rel,
        std::memory_order_relaxed));
    return word == kAsleep;
  }

  // Whether anything has come; the owner's cheap look.
  bool empty() const {
    const uintptr_t word = word_.load(std::memory_order_relaxed);
    return word == kEmpty || word == kAsleep;
  }

  // Takes all there is, and takes back the announcement of a sleep.
  WorkChain TakeAll() {
    if (word_.load(std::memory_order_relaxed) == kEmpty) return WorkChain();
    // Acquire, with the release in Push().
    const uintptr_t word = word_.exchange(kEmpty, std::memory_order_acquire);
    if (word == kAsleep) return WorkChain();
    return WorkChain::FromStack(reinterpret_cast<WorkItem*>(word));
  }

  // Announces that the owner is about to sleep. False if something has come:
  // it must take that instead.
  bool TrySleep() {
    uintptr_t expected = kEmpty;
    // Release, with the acquire in Push().
    return word_.compare_exchange_strong(expected, kAsleep,
                                         std::memory_order_release,
                                         std::memory_order_relaxed);
  }

  // Sleeps until a push after TrySleep(), or until `until` on the machine's
  // clock, in the kernel's futex. WakeOwner() ends it. For an owner that waits
  // by other means these two are not used.
  void Sleep(std::optional<Moment> until = std::nullopt);
  void WakeOwner();

 private:
  static constexpr uintptr_t kEmpty = 0;
  // No item has this address; and the low half, which the futex looks at,
  // differs from that of every item's.
  static constexpr uintptr_t kAsleep = 1;

  std::atomic<uintptr_t> word_{kEmpty};
};

}  // namespace pinion

#endif  // PINION_CORE_INBOX_H_
