// SPDX-License-Identifier: Apache-2.0
//
// LruMap: a map from text to values with a bound; beyond it the least recently
//         used entry is evicted.
//
// Threads: one at a time.
// Example: LruMap<int> ports(1000);
//          ports.Insert("a", 1);
//          if (int* port = ports.Find("a")) Use(*port);
#ifndef PINION_SERVER_SECURITY_IDENTITY_LRU_MAP_H_
#define PINION_SERVER_SECURITY_IDENTITY_LRU_MAP_H_

#include <cstddef>
#include <list>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "pinion/proto/wire/process_hash.h"

namespace pinion {

template <typename Value>
class LruMap {
 public:
  // For at most `max_entries` entries, 1 or more.
  explicit LruMap(size_t max_entries) : max_entries_(max_entries) {}
  LruMap(const LruMap&) = delete;
  LruMap& operator=(const LruMap&) = delete;

  // The value, which is used now; null if there is none. Valid until the next
  // call.
  Value* Find(absl::string_view key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
  }

  // Adds it, or replaces the one that is there.
  Value& Insert(std::string key, Value value) {
    Erase(key);
    if (by_key_.size() == max_entries_) Evict();
    entries_.emplace_front(std::move(key), std::move(value));
    by_key_.emplace(entries_.front().first, entries_.begin());
    return entries_.front().second;
  }

  void Erase(absl::string_view key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    const auto entry = found->second;
    by_key_.erase(found);
    entries_.erase(entry);
  }

  void Clear() {
    by_key_.clear();
    entries_.clear();
  }

  size_t size() const { return by_key_.size(); }

 private:
  using Entries = std::list<std::pair<std::string, Value>>;

  void Evict() {
    by_key_.erase(entries_.back().first);
    entries_.pop_back();
  }

  const size_t max_entries_;
  Entries entries_;  // The most recently used one first.
  HashMap<absl::string_view, typename Entries::iterator> by_key_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_IDENTITY_LRU_MAP_H_
