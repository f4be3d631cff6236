// SPDX-License-Identifier: Apache-2.0
//
// RecentCalls: the last sampled calls of each slot, for whoever asks about one
//              key. A key that is called much has most of its slot's places; of
//              a key that is called now and then, nothing may be left.
//
// Threads: the slot's worker calls Add(); any thread calls Read() meanwhile.
//          Neither waits for the other.
// Memory:  32 KB, and for each slot with a sampled call kSlotBytes: kBytes at
//          most for the whole server.
// Example: recent.Add(slot, note);
//          for (const CallNote& note : recent.Read(slot)) ...  // Any thread.
#ifndef PINION_SERVER_OBSERVE_RECENT_CALLS_H_
#define PINION_SERVER_OBSERVE_RECENT_CALLS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pinion/server/observe/call_note.h"
#include "pinion/server/observe/published.h"
#include "pinion/server/slot.h"

namespace pinion {

class RecentCalls {
 public:
  static constexpr size_t kPlaces = 4;  // Of a slot.
  static constexpr size_t kSlotBytes = 656;
  static constexpr size_t kBytes = kSlots * (sizeof(void*) + kSlotBytes);

  RecentCalls() = default;
  ~RecentCalls() {
    for (auto& slot : slots_) delete slot.load(std::memory_order_relaxed);
  }
  RecentCalls(const RecentCalls&) = delete;
  RecentCalls& operator=(const RecentCalls&) = delete;

  // Keeps the call in the place of the slot's oldest.
  void Add(int slot, const CallNote& note);

  // The slot's, the last one first.
  std::vector<CallNote> Read(int slot) const;

 private:
  struct OfSlot {
    uint64_t added = 0;  // The worker's.
    std::array<Published<CallNote>, kPlaces> notes;
  };
  static_assert(sizeof(OfSlot) <= kSlotBytes);

  // Null: none was sampled yet. Release, with the acquire in Read().
  std::array<std::atomic<OfSlot*>, kSlots> slots_ = {};
};

}  // namespace pinion

#endif  // PINION_SERVER_OBSERVE_RECENT_CALLS_H_
