// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/recent_calls.h"

#include <algorithm>
#include <optional>

namespace pinion {

void RecentCalls::Add(int slot, const CallNote& note) {
  std::atomic<OfSlot*>& cell = slots_[slot];
  OfSlot* its = cell.load(std::memory_order_relaxed);
  if (its == nullptr) {
    its = new OfSlot;
    cell.store(its, std::memory_order_release);
  }
  its->notes[its->added % kPlaces].Set(note);
  ++its->added;
}

std::vector<CallNote> RecentCalls::Read(int slot) const {
  std::vector<CallNote> notes;
  const OfSlot* const its = slots_[slot].load(std::memory_order_acquire);
  if (its == nullptr) return notes;
  for (const Published<CallNote>& published : its->notes) {
    if (const std::optional<CallNote> note = published.Get()) {
      notes.push_back(*note);
    }
  }
  // All are of one worker.
  std::sort(
      notes.begin(), notes.end(),
      [](const CallNote& a, const CallNote& b) { return a.number > b.number; });
  return notes;
}

}  // namespace pinion
