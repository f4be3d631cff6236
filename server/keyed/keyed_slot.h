// SPDX-License-Identifier: Apache-2.0
//
// KeyedSlot: all entries of one slot, taken out of one Keyed to be put into
//            another, with their times to live and the order of their last
//            uses.
//
// Threads: one at a time; you may hand it from thread to thread.
// Life:    the entries that you do not put anywhere are destroyed with it.
// Example: KeyedSlot<Account> slot = from.TakeSlot(17);
//          absl::Status put = to.PutSlot(std::move(slot));  // on to's thread
#ifndef PINION_SERVER_KEYED_KEYED_SLOT_H_
#define PINION_SERVER_KEYED_KEYED_SLOT_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "pinion/server/keyed/keyed_entry.h"

namespace pinion {

template <typename State>
class KeyedSlot {
 public:
  using Entry = KeyedEntry<State>;

  KeyedSlot(KeyedSlot&& other) noexcept
      : slot_(other.slot_),
        key_seed_(other.key_seed_),
        entries_(std::exchange(other.entries_, {})),
        bytes_(std::exchange(other.bytes_, 0)) {}
  KeyedSlot& operator=(KeyedSlot&&) = delete;

  int slot() const { return slot_; }
  size_t size() const { return entries_.size(); }
  // As the Keyed counted them.
  int64_t bytes() const { return bytes_; }

  // Shows all entries, the least recently used first.
  void Visit(absl::FunctionRef<void(const Entry&)> see) const {
    for (const Taken& taken : entries_) see(taken.entry);
  }

 private:
  friend class Keyed<State>;

  struct Taken {
    Entry entry;
    int64_t bytes;  // As the Keyed counted them.
  };

  KeyedSlot(int slot, uint64_t key_seed) : slot_(slot), key_seed_(key_seed) {}

  const int slot_;
  const uint64_t key_seed_;  // Assigns the entries to the slot.
  std::vector<Taken> entries_;
  int64_t bytes_ = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_KEYED_KEYED_SLOT_H_
