// SPDX-License-Identifier: Apache-2.0
//
// KeyedEntry: a key and its state, in a Keyed or on its way to another.
//
// Threads: those of the Keyed, or the KeyedSlot, that has it.
// Example: entry->state.balance += 1;
//          LOG(INFO) << entry->key().ToString();
#ifndef PINION_SERVER_KEYED_KEYED_ENTRY_H_
#define PINION_SERVER_KEYED_KEYED_ENTRY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "core/clock.h"
#include "proto/wire/key_reader.h"
#include "server/keyed/links.h"
#include "server/keyed/state_bytes.h"
#include "server/keyed/stored_key.h"
#include "server/keyed/use_order.h"

namespace pinion {

template <typename State>
class Keyed;
template <typename State>
class KeyedSlot;

template <typename State>
class KeyedEntry {
  // What a look-up reads comes first, so that it lies together.
  internal::StoredKey key_;
  uint32_t mortal_ : 1 = 0;
  // While in a Keyed that evicts.
  uint32_t use_place_ : internal::UseOrder::kPlaceBits = 0;

 public:
  KeyedEntry(KeyedEntry&&) noexcept = default;
  KeyedEntry& operator=(KeyedEntry&&) = delete;

  // The user's. Where it grows or shrinks under a byte bound: Keyed::Recount().
  State state{};

  // Looks into the entry. An integer comes as an unsigned one; it is the same
  // key as the signed one of the same 64 bits.
  Key key() const { return key_.Get(); }

  // When it will be gone; none if it stays.
  std::optional<Moment> expires() const {
    if (!mortal_) return std::nullopt;
    return node_->expires_at;
  }

 private:
  friend class Keyed<State>;
  friend class KeyedSlot<State>;
  template <typename Entry>
  friend class internal::KeyedIndex;

  // What it takes beside itself, its key and its state: its node, a place in
  // the order of uses and among the timers, and what malloc keeps.
  static constexpr int64_t kBytesBeside =
      sizeof(internal::KeyedNode) + internal::UseOrder::kPlaceBytes + 16 + 16;

  KeyedEntry(const Key& key, uint64_t hash)
      : key_(key), node_(new internal::KeyedNode(hash)) {}
  KeyedEntry(const Key& key, uint64_t hash, State&& made)
      : key_(key),
        state(std::move(made)),
        node_(new internal::KeyedNode(hash)) {}

  bool PassedAt(Moment now) const {
    return mortal_ && node_->expires_at <= now;
  }

  // The table that the entry stands in is at least nearly half full.
  int64_t CountBytes() const {
    return static_cast<int64_t>(2 * (sizeof(*this) + 1) +
                                key_.bytes_outside()) +
           kBytesBeside + internal::StateBytes(state) -
           static_cast<int64_t>(sizeof(State));
  }

  std::unique_ptr<internal::KeyedNode> node_;
};

}  // namespace pinion

#endif  // PINION_SERVER_KEYED_KEYED_ENTRY_H_
