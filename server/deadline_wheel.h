// SPDX-License-Identifier: Apache-2.0
//
// DeadlineWheel: what is to be done when a time has come, mostly taken back
// before.
//
// Threads: anyone may Arm() and Disarm(); one, the expirer, takes what is due.
// Cost:    a lock that is hardly ever contended and a few writes, however many
//          wait; an item is a node of the owner's.
// Example: struct Alarm : DeadlineWheel::Item { void OnDue() override; ... };
//          wheel.Arm(alarm, clock.Now() + std::chrono::seconds(1));
//
// A hashed timing wheel: Varghese and Lauck, "Hashed and Hierarchical Timing
// Wheels", 1987, scheme 6. An item further ahead than the wheel's turn stays in
// its slot for as many turns.
#ifndef PINION_SERVER_DEADLINE_WHEEL_H_
#define PINION_SERVER_DEADLINE_WHEEL_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "core/clock.h"
#include "core/mutex.h"

namespace pinion {

class DeadlineWheel {
 public:
  // How much later than its time an item may come due.
  static constexpr std::chrono::nanoseconds kTick =
      std::chrono::milliseconds(2);

  class Item;

  // An item's place in a wheel.
  class Place {
   public:
    Place() = default;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    friend class DeadlineWheel;
    // The wheel's, with its lock held; once the item is due, who took it.
    Item* next_ = nullptr;
    Item* previous_ = nullptr;
    uint64_t tick_ = 0;
    bool armed_ = false;
  };

  // Lives until it is disarmed, or OnDue() has returned.
  class Item : public Place {
   public:
    // Keeps the item until OnDue(). With the wheel's lock held.
    virtual void Hold() = 0;
    // Its time has passed. Without the lock; the item may have been disarmed
    // meanwhile. Lets go of the hold.
    virtual void OnDue() = 0;

   protected:
    ~Item() = default;
  };

  // Begins at `now`.
  explicit DeadlineWheel(Moment now) : start_(now) {}
  ~DeadlineWheel();
  DeadlineWheel(const DeadlineWheel&) = delete;
  DeadlineWheel& operator=(const DeadlineWheel&) = delete;

  // Has `item`, which is not armed, come due when `at` has passed: never
  // earlier, and a tick later at most; one that has passed, with the next tick.
  // Returns when.
  Moment Arm(Item& item, Moment at);

  // Takes it back; false if it is not armed, or no more: what is due already
  // may still be told. May be called again.
  bool Disarm(Item& item);

  // Takes out what is due at `now` and returns it, each item held, as a line
  // for RunAll().
  Item* TakeDue(Moment now);

  // Calls OnDue() of each item of a line that TakeDue() gave.
  static void RunAll(Item* line);

  // When something may next come due, never later than it does; none if nothing
  // is armed.
  std::optional<Moment> Next();

  // How many are armed.
  size_t size();

 private:
  // A turn of some four seconds: most deadlines are shorter, and what is longer
  // is passed over once in a turn.
  static constexpr size_t kSlots = 2048;
  static constexpr size_t kBits = 64;  // Of a word of the map.

  Moment TimeOf(uint64_t tick) const {
    return start_ + kTick * static_cast<int64_t>(tick);
  }
  // The last tick that has begun at `now`.
  uint64_t TickAt(Moment now) const;
  void Unlink(Item& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The first tick after the present one whose slot has an item.
  std::optional<uint64_t> NextOccupied() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeFromSlot(size_t slot, Item** line)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Fixed at construction; anyone may read.
  const Moment start_;

  Mutex mutex_;
  std::array<Item*, kSlots> slots_ ABSL_GUARDED_BY(mutex_) = {};
  // Which slots have an item.
  std::array<uint64_t, kSlots / kBits> occupied_ ABSL_GUARDED_BY(mutex_) = {};
  size_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  // What was due up to this tick is taken.
  uint64_t tick_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_DEADLINE_WHEEL_H_
