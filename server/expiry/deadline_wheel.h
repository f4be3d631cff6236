// SPDX-License-Identifier: Apache-2.0
//
// DeadlineWheel: calls items back when their time has come. Most of them are
//                disarmed before that.
//
// Threads: any thread may Arm() and Disarm(). One thread, the expirer, takes
//          the due items.
// Cost:    a rarely contended lock and a few writes, however many items wait.
//          An item is a node that its owner provides.
// Example: struct Alarm : DeadlineWheel::Item { void OnDue() override; ... };
//          wheel.Arm(alarm, clock.Now() + std::chrono::seconds(1));
//
// A hashed timing wheel: Varghese and Lauck, "Hashed and Hierarchical Timing
// Wheels", 1987, scheme 6. If an item's time is further ahead than one turn of
// the wheel, the item stays in its slot for several turns.
#ifndef PINION_SERVER_EXPIRY_DEADLINE_WHEEL_H_
#define PINION_SERVER_EXPIRY_DEADLINE_WHEEL_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "pinion/core/base/linked_list.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/clock.h"

namespace pinion {

class DeadlineWheel {
 public:
  // The longest delay between an item's time and its OnDue().
  static constexpr std::chrono::nanoseconds kTick =
      std::chrono::milliseconds(2);

  class Item;

  // An item's hook in a wheel. Its links are the wheel's, with its lock held;
  // once the item is due, the thread's that took it.
  class Hook : public ListHook<Item> {
   public:
    Hook() = default;
    Hook(const Hook&) = delete;
    Hook& operator=(const Hook&) = delete;

   private:
    friend class DeadlineWheel;
    // The wheel's, with its lock held.
    uint64_t tick_ = 0;
    bool armed_ = false;
  };

  // Must live until it is disarmed or its OnDue() has returned.
  class Item : public Hook {
   public:
    // Keeps the item alive until OnDue(). Called with the wheel's lock held.
    virtual void Hold() = 0;
    // Called when its time has passed, without the lock. The item may have been
    // disarmed meanwhile. Releases the hold.
    virtual void OnDue() = 0;

   protected:
    ~Item() = default;
  };

  // Starts at `now`.
  explicit DeadlineWheel(Moment now) : start_(now) {}
  ~DeadlineWheel();
  DeadlineWheel(const DeadlineWheel&) = delete;
  DeadlineWheel& operator=(const DeadlineWheel&) = delete;

  // Arms `item`, which must not be armed, for `at`. It comes due never earlier,
  // and at most one tick later; if `at` has passed, with the next tick. Returns
  // the time at which it comes due.
  Moment Arm(Item& item, Moment at);

  // Disarms `item`. False if it is not armed, or no longer: an item that is
  // already due may still get its OnDue(). You may call it more than once.
  bool Disarm(Item& item);

  // Takes the items that are due at `now`, each of them held, for RunAll().
  LinkedList<Item> TakeDue(Moment now);

  // Calls OnDue() of each item that TakeDue() took.
  static void RunAll(LinkedList<Item> due);

  // A time no later than the next item comes due; none if no item is armed.
  std::optional<Moment> Next();

  // The number of armed items.
  size_t size();

 private:
  // One turn takes about four seconds: most deadlines are shorter, and an item
  // with a longer one is passed over once in each turn.
  static constexpr size_t kSlots = 2048;
  static constexpr size_t kBits = 64;  // In a word of the map.

  Moment TimeOf(uint64_t tick) const {
    return start_ + kTick * static_cast<int64_t>(tick);
  }
  // The last tick that has started at `now`.
  uint64_t TickAt(Moment now) const;
  void Unlink(Item& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The first tick after the present one whose slot has an item.
  std::optional<uint64_t> NextOccupied() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeFromSlot(size_t slot, LinkedList<Item>& due)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Fixed at construction; any thread may read.
  const Moment start_;

  Mutex mutex_;
  std::array<LinkedList<Item>, kSlots> slots_ ABSL_GUARDED_BY(mutex_);
  // The slots that have an item.
  std::array<uint64_t, kSlots / kBits> occupied_ ABSL_GUARDED_BY(mutex_) = {};
  size_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  // All items that were due up to this tick are taken.
  uint64_t tick_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_EXPIRY_DEADLINE_WHEEL_H_
