// SPDX-License-Identifier: Apache-2.0
//
// KeyedIndex: holds the entries, and finds one by its key or its node.
//
// Threads: the shard's alone.
// Cost:    the entries stand in the table itself, so that what finds one has
//          found its state; they move when it grows. Who asks has the hash.
// Example: Entry* entry = index.Find(key, hash);
#ifndef PINION_SERVER_KEYED_KEYED_INDEX_H_
#define PINION_SERVER_KEYED_KEYED_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "proto/wire/key_reader.h"
#include "server/keyed/links.h"

namespace pinion::internal {

template <typename Entry>
class KeyedIndex {
 public:
  explicit KeyedIndex(uint64_t key_seed) : entries_(0, HashOf{key_seed}) {}

  // Null if there is none.
  Entry* Find(const Key& key, uint64_t hash) {
    const auto found = entries_.find(WithKey{hash, key});
    return found == entries_.end() ? nullptr : &Writable(*found);
  }
  // There is one.
  Entry& Of(const KeyedNode& node) {
    return Writable(*entries_.find(WithNode{node.hash, node}));
  }

  // There is none with its key yet.
  Entry& Add(Entry&& entry) {
    const uint64_t hash = entry.node_->hash;
    return Writable(*entries_.lazy_emplace(
        WithKey{hash, entry.key()},
        [&](const auto& construct) { construct(std::move(entry)); }));
  }
  Entry Take(const KeyedNode& node) {
    const auto found = entries_.find(WithNode{node.hash, node});
    Entry taken = std::move(Writable(*found));
    entries_.erase(found);
    return taken;
  }
  void Remove(const KeyedNode& node) {
    entries_.erase(entries_.find(WithNode{node.hash, node}));
  }

  // `see` may remove the entry it is shown.
  template <typename See>
  void VisitAll(See see) {
    for (auto next = entries_.begin(); next != entries_.end();) {
      see(Writable(*next++));
    }
  }

  size_t size() const { return entries_.size(); }

 private:
  struct WithKey {
    uint64_t hash;
    const Key& key;
  };
  struct WithNode {
    uint64_t hash;
    const KeyedNode& node;
  };

  struct HashOf {
    using is_transparent = void;
    // When the table grows, which would else look at each node.
    size_t operator()(const Entry& entry) const {
      return Spread(entry.key().Hash(key_seed));
    }
    template <typename Wanted>
    size_t operator()(const Wanted& wanted) const {
      return Spread(wanted.hash);
    }
    // The table goes by the lowest bits. A shard's slots, and so the twelve
    // lowest bits of the hash, have much in common: they become the highest.
    static size_t Spread(uint64_t hash) {
      return static_cast<size_t>(hash >> 12 | hash << 52);
    }
    uint64_t key_seed;
  };
  struct Same {
    using is_transparent = void;
    bool operator()(const Entry& a, const Entry& b) const {
      return a.node_ == b.node_;
    }
    bool operator()(const Entry& entry, const WithKey& wanted) const {
      return entry.key_.Is(wanted.key);
    }
    bool operator()(const Entry& entry, const WithNode& wanted) const {
      return entry.node_.get() == &wanted.node;
    }
  };

  // The set holds its elements const for the sake of their keys, which nobody
  // can change anyway.
  static Entry& Writable(const Entry& entry) {
    return const_cast<Entry&>(entry);
  }

  absl::flat_hash_set<Entry, HashOf, Same> entries_;
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_KEYED_INDEX_H_
