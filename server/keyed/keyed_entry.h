// SPDX-License-Identifier: Apache-2.0
//
// KeyedEntry: a key and its state, in a Keyed or on the way to another one.
//
// Threads: the thread of the Keyed or KeyedSlot that holds the entry.
// Example: entry->state.balance += 1;
//          LOG(INFO) << entry->key().ToString();
#ifndef PINION_SERVER_KEYED_KEYED_ENTRY_H_
#define PINION_SERVER_KEYED_KEYED_ENTRY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "pinion/core/clock.h"
#include "pinion/proto/wire/key.h"
#include "pinion/server/keyed/keyed_nodes.h"
#include "pinion/server/keyed/state_bytes.h"
#include "pinion/server/keyed/stored_key.h"
#include "pinion/server/keyed/use_order.h"

namespace pinion {

template <typename State>
class Keyed;
template <typename State>
class KeyedSlot;
namespace internal {
template <typename Entry>
class KeyedIndex;
}  // namespace internal

template <typename State>
class KeyedEntry {
  // The fields that a look-up reads come first, so that they lie together.
  internal::StoredKey key_;
  uint32_t mortal_ : 1 = 0;
  uint32_t place_ : internal::KeyedNodes::kPlaceBits = 0;  // While in a Keyed.
  Moment expires_at_;  // If it has a time to live.

 public:
  KeyedEntry(KeyedEntry&&) noexcept = default;
  KeyedEntry& operator=(KeyedEntry&&) = delete;

  // The user's state. If it grows or shrinks while there is a memory limit,
  // call Keyed::Recount().
  State state{};

  // The key; a view into the entry.
  Key key() const { return Key::FromBytes(key_.bytes()); }

  // When the entry expires; none if it stays.
  std::optional<Moment> expires() const {
    if (!mortal_) return std::nullopt;
    return expires_at_;
  }

 private:
  friend class Keyed<State>;
  friend class KeyedSlot<State>;
  template <typename Entry>
  friend class internal::KeyedIndex;

  // The memory beside the entry, its key and its state: its node, a place in
  // the order of uses and one among the timers.
  static constexpr int64_t kBytesBeside =
      sizeof(internal::KeyedNode) + internal::UseOrder::kPlaceBytes + 16;

  explicit KeyedEntry(const Key& key) : key_(key) {}
  KeyedEntry(const Key& key, State&& made)
      : key_(key), state(std::move(made)) {}

  bool PassedAt(Moment now) const { return mortal_ && expires_at_ <= now; }

  // Counts the entry's part of a table that is at least nearly half full.
  int64_t CountBytes() const {
    return static_cast<int64_t>(2 * (sizeof(*this) + 1) +
                                key_.bytes_outside()) +
           kBytesBeside + internal::StateBytes(state) -
           static_cast<int64_t>(sizeof(State));
  }
};

}  // namespace pinion

#endif  // PINION_SERVER_KEYED_KEYED_ENTRY_H_
