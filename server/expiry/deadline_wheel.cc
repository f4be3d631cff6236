// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/expiry/deadline_wheel.h"

#include <algorithm>
#include <bit>

#include "pinion/core/base/check.h"

namespace pinion {

DeadlineWheel::~DeadlineWheel() {
  PINION_DCHECK(size() == 0, size(), " items were armed in a wheel that goes");
}

Moment DeadlineWheel::Arm(Item& item, Moment at) {
  MutexLock lock(mutex_);
  PINION_DCHECK(!item.armed_, "an item is armed once at a time");
  // Rounded up; what has passed comes with the next tick.
  const int64_t ahead = (at - start_ + kTick).count() - 1;
  item.tick_ = std::max<uint64_t>(
      ahead < 0 ? 0 : static_cast<uint64_t>(ahead / kTick.count()), tick_ + 1);
  const size_t slot = item.tick_ % kSlots;
  item.armed_ = true;
  slots_[slot].PushFront(item);
  occupied_[slot / kBits] |= uint64_t{1} << (slot % kBits);
  ++size_;
  return TimeOf(item.tick_);
}

bool DeadlineWheel::Disarm(Item& item) {
  MutexLock lock(mutex_);
  const bool armed = item.armed_;
  if (armed) Unlink(item);
  return armed;
}

LinkedList<DeadlineWheel::Item> DeadlineWheel::TakeDue(Moment now) {
  LinkedList<Item> due;
  MutexLock lock(mutex_);
  const uint64_t last = TickAt(now);
  // After more than a turn, each slot once is enough.
  const uint64_t turn = last > kSlots ? last - kSlots : 0;
  tick_ = std::max(tick_, turn);
  while (tick_ < last) {
    const std::optional<uint64_t> next = NextOccupied();
    tick_ = std::min(next.value_or(last), last);
    TakeFromSlot(tick_ % kSlots, due);
  }
  return due;
}

void DeadlineWheel::TakeFromSlot(size_t slot, LinkedList<Item>& due) {
  Item* next = nullptr;
  for (Item* item = slots_[slot].front(); item != nullptr; item = next) {
    next = slots_[slot].Next(*item);
    if (item->tick_ > tick_) continue;  // In another turn.
    Unlink(*item);
    item->Hold();
    due.PushFront(*item);
  }
}

void DeadlineWheel::RunAll(LinkedList<Item> due) {
  while (Item* item = due.front()) {
    due.Remove(*item);
    item->OnDue();  // The item may be gone afterwards.
  }
}

std::optional<Moment> DeadlineWheel::Next() {
  MutexLock lock(mutex_);
  const std::optional<uint64_t> tick = NextOccupied();
  if (!tick.has_value()) return std::nullopt;
  return TimeOf(*tick);
}

size_t DeadlineWheel::size() {
  MutexLock lock(mutex_);
  return size_;
}

uint64_t DeadlineWheel::TickAt(Moment now) const {
  const int64_t passed = (now - start_).count();
  return passed < 0 ? 0 : static_cast<uint64_t>(passed / kTick.count());
}

void DeadlineWheel::Unlink(Item& item) {
  const size_t slot = item.tick_ % kSlots;
  slots_[slot].Remove(item);
  if (slots_[slot].empty()) {
    occupied_[slot / kBits] &= ~(uint64_t{1} << (slot % kBits));
  }
  item.armed_ = false;
  --size_;
}

std::optional<uint64_t> DeadlineWheel::NextOccupied() const {
  if (size_ == 0) return std::nullopt;
  const size_t first = (tick_ + 1) % kSlots;
  for (size_t i = 0; i <= occupied_.size(); ++i) {
    const size_t index = (first / kBits + i) % occupied_.size();
    uint64_t word = occupied_[index];
    if (i == 0) word &= ~uint64_t{0} << (first % kBits);
    if (word == 0) continue;
    const size_t slot = index * kBits + std::countr_zero(word);
    return tick_ + 1 + (slot + kSlots - first) % kSlots;
  }
  return std::nullopt;
}

}  // namespace pinion
