// SPDX-License-Identifier: Apache-2.0
//
// Slot: one of the parts of the key space. A key's hash determines its slot,
//       and the router's table says which worker owns the slot.
//
// Threads: plain functions; any thread.
// Example: const int slot = SlotOf(key.Hash(key_seed));  // 0 to kSlots - 1
#ifndef PINION_SERVER_SLOT_H_
#define PINION_SERVER_SLOT_H_

#include <cstdint>

namespace pinion {

// Many enough that each of many workers owns about the same number, and few
// enough that a table of them stays in cache.
inline constexpr int kSlots = 4096;

// The slot of a key with this Key::Hash().
inline int SlotOf(uint64_t hash) { return static_cast<int>(hash % kSlots); }

}  // namespace pinion

#endif  // PINION_SERVER_SLOT_H_
