// SPDX-License-Identifier: Apache-2.0
//
// ByteBudget: the memory limit of a Keyed, and the bytes that it holds.
//
// Threads: the shard's only.
// Example: while (!budget.HasRoomFor(more)) {
//            if (!DropOldest()) return budget.NoRoom({.needs = more, ...});
//            budget.CountEvicted();
//          }
//          budget.Add(more);
#ifndef PINION_SERVER_KEYED_BYTE_BUDGET_H_
#define PINION_SERVER_KEYED_BYTE_BUDGET_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace pinion::internal {

class ByteBudget {
 public:
  // What there is no room for.
  struct Shortage {
    std::string what;
    int64_t needs;   // The bytes that it needs in all.
    int64_t used;    // The bytes of the others.
    size_t entries;  // How many the others are.
  };

  // At most `max_bytes`, 0 or more, which errors call `max_bytes_name`.
  ByteBudget(int64_t max_bytes, const char* max_bytes_name);

  void Add(int64_t bytes) { bytes_ += bytes; }
  void Remove(int64_t bytes) { bytes_ -= bytes; }

  // The bytes that are held. Add() may exceed the limit.
  int64_t bytes() const { return bytes_; }

  // Whether `more` bytes fit beside those that are held; with 0, whether the
  // limit is kept.
  bool HasRoomFor(int64_t more) const { return bytes_ <= max_bytes_ - more; }
  // Whether `bytes` would fit if nothing else were held. If not, evicting
  // others is of no use.
  bool CanHold(int64_t bytes) const { return bytes <= max_bytes_; }

  // The entries that were removed because others needed their room.
  void CountEvicted() { ++evicted_; }
  uint64_t evicted() const { return evicted_; }

  // RESOURCE_EXHAUSTED, with the numbers and what to do.
  absl::Status NoRoom(const Shortage& shortage) const;

 private:
  const int64_t max_bytes_;
  const char* const max_bytes_name_;
  int64_t bytes_ = 0;
  uint64_t evicted_ = 0;
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_BYTE_BUDGET_H_
