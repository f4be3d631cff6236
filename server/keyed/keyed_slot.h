// SPDX-License-Identifier: Apache-2.0
//
// KeyedSlot: the entries of one slot, whole, taken out of one Keyed to be put
// into another: with their times to live, and in the order of their last uses.
//
// Threads: one at a time; it may be handed from thread to thread.
// Life:    what is not put anywhere goes with it.
// Example: KeyedSlot<Account> slot = from.TakeSlot(17);
//          absl::Status put = to.PutSlot(std::move(slot));  // on to's thread
#ifndef PINION_SERVER_KEYED_KEYED_SLOT_H_
#define PINION_SERVER_KEYED_KEYED_SLOT_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "server/keyed/keyed_entry.h"

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
  // As its Keyed counted them.
  int64_t bytes() const { return bytes_; }

  // Shows all entries, the one first that was not used for the longest.
  void Visit(absl::FunctionRef<void(const Entry&)> see) const {
    for (const Entry& entry : entries_) see(entry);
  }

 private:
  friend class Keyed<State>;

  KeyedSlot(int slot, uint64_t key_seed) : slot_(slot), key_seed_(key_seed) {}

  const int slot_;
  const uint64_t key_seed_;     // By which the entries belong to the slot.
  std::vector<Entry> entries_;  // Their nodes hang in no line.
  int64_t bytes_ = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_KEYED_KEYED_SLOT_H_
