// SPDX-License-Identifier: Apache-2.0
//
// KeyedTallies: what the Keyed maps of one shard hold, for those who look from
//               outside; and the part of it that one map adds.
//
// Threads: the shard's worker writes; any thread reads the tallies.
// Life:    the tallies outlive the shard.
// Example: KeyedShare share(&info.keyed_tallies());  // The map's.
//          share.Add(1, bytes); share.CountEvicted();
#ifndef PINION_SERVER_INTERNAL_KEYED_TALLIES_H_
#define PINION_SERVER_INTERNAL_KEYED_TALLIES_H_

#include <cstdint>

#include "pinion/core/tally.h"

namespace pinion::internal {

struct KeyedTallies {
  // Now.
  Tally entries;
  Tally bytes;
  // So far.
  Tally expired;
  Tally evicted;
};

// Adds nothing if `all` is null. What it added to the entries and bytes is
// removed when it is destroyed.
class KeyedShare {
 public:
  explicit KeyedShare(KeyedTallies* all) : all_(all) {}
  ~KeyedShare() { Add(-entries_, -bytes_); }
  KeyedShare(const KeyedShare&) = delete;
  KeyedShare& operator=(const KeyedShare&) = delete;

  // Each may be negative.
  void Add(int64_t entries, int64_t bytes) {
    if (all_ == nullptr) return;
    entries_ += entries;
    bytes_ += bytes;
    all_->entries.Add(static_cast<uint64_t>(entries));
    all_->bytes.Add(static_cast<uint64_t>(bytes));
  }
  void CountExpired() {
    if (all_ != nullptr) all_->expired.Add(1);
  }
  void CountEvicted() {
    if (all_ != nullptr) all_->evicted.Add(1);
  }

 private:
  KeyedTallies* const all_;
  int64_t entries_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_INTERNAL_KEYED_TALLIES_H_
