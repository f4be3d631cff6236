// SPDX-License-Identifier: Apache-2.0
//
// SlotOwners: which worker owns each slot, and so each key.
//
// Threads: any thread; fixed at construction.
// Example: const int worker = owners.OwnerOf(key);  // 0 to workers - 1
#ifndef PINION_SERVER_SHARD_SLOT_OWNERS_H_
#define PINION_SERVER_SHARD_SLOT_OWNERS_H_

#include <array>
#include <cstdint>

#include "pinion/proto/wire/key_reader.h"
#include "pinion/server/slot.h"

namespace pinion {

class SlotOwners {
 public:
  // Gives each of `workers` workers about the same number of slots. Hashes keys
  // with `key_seed`.
  SlotOwners(int workers, uint64_t key_seed)
      : workers_(workers), key_seed_(key_seed) {
    for (int slot = 0; slot < kSlots; ++slot) {
      owners_[slot] = static_cast<uint16_t>(slot * workers / kSlots);
    }
  }

  int OwnerOf(const Key& key) const {
    return owners_[SlotOf(key.Hash(key_seed_))];
  }

  int workers() const { return workers_; }
  uint64_t key_seed() const { return key_seed_; }

 private:
  const int workers_;
  const uint64_t key_seed_;
  std::array<uint16_t, kSlots> owners_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SHARD_SLOT_OWNERS_H_
