// SPDX-License-Identifier: Apache-2.0
//
// ShardedTallies: sums that many threads add to at once, each in its own shard.
//
// Threads: anyone may Add() and Sum(), at any time.
// Cost:    adding is a load and a store in lines of the cache that no other
//          thread writes to; a sum looks into the shards of all threads.
// Order:   who sees an addition in a sum sees all that happened before it.
// Example: tallies.Add(kBegun, 1); ... tallies.Add(kEnded, 1);
//          // Elsewhere; in this order, never more have ended than begun:
//          const uint64_t ended = tallies.Sum(kEnded);
//          const uint64_t begun = tallies.Sum(kBegun);
//
// So if a thread adds to A, and after that the same or another one adds to B,
// nobody who reads B first and then A sees the second without the first.
//
// A cell may go down as well, by Add(cell, -1): all is counted modulo 2^64, and
// a shard may hold less than nothing. But a sum does not read all shards at one
// moment. If one thread raises a cell and another lowers it, a sum may have the
// fall without the rise, and be 2^64 - 1 where it never was below 0. Where that
// matters, count rises and falls in two cells, as in the example.
#ifndef PINION_CORE_SHARDED_TALLIES_H_
#define PINION_CORE_SHARDED_TALLIES_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/check.h"
#include "core/thread_index.h"

namespace pinion {

class ShardedTallies {
 public:
  // How many threads can have a shard of their own at a time; those beyond
  // share one, and pay an atomic operation for each addition. Several times
  // what a server has, at 8 bytes each while they do not add.
  static constexpr int kMostThreads = 512;

  // With the cells 0 to `cells` - 1, each of which is 0.
  explicit ShardedTallies(size_t cells);
  ~ShardedTallies();  // When each Add() and Sum() has returned.
  ShardedTallies(const ShardedTallies&) = delete;
  ShardedTallies& operator=(const ShardedTallies&) = delete;

  // A thread's first makes its shard, unless an earlier thread has left one.
  void Add(size_t cell, uint64_t more) {
    const int index = ThreadIndex();
    if (index >= kMostThreads) return AddTogether(cell, more);
    // Relaxed, as below: only threads with this index write here, one after
    // the other, and each sees what the one before it has written.
    Line* shard = shards_[index].load(std::memory_order_relaxed);
    if (shard == nullptr) shard = MakeShard(index);
    std::atomic<uint64_t>& number = At(shard, cell);
    const uint64_t before = number.load(std::memory_order_relaxed);
    // Release, with the acquire in Sum().
    number.store(before + more, std::memory_order_release);
  }

  // What was added so far: all that happened before this call, and perhaps some
  // of what happens meanwhile.
  uint64_t Sum(size_t cell) const;

 private:
  // A line of the cache, so that no two shards lie in one.
  static constexpr size_t kNumbersPerLine = 8;
  struct alignas(64) Line {
    std::array<std::atomic<uint64_t>, kNumbersPerLine> numbers = {};
  };

  // The number of `cell` in a shard, which is an array of lines.
  std::atomic<uint64_t>& At(Line* shard, size_t cell) const {
    PINION_DCHECK(cell < cells_, "there is no cell ", cell, "; there are 0 to ",
                  cells_ - 1);
    return shard[cell / kNumbersPerLine].numbers[cell % kNumbersPerLine];
  }
  Line* NewShard() const;

  // Makes that of the calling thread, whose index it is.
  Line* MakeShard(int index);
  // In the shard of those beyond kMostThreads.
  void AddTogether(size_t cell, uint64_t more);

  // Fixed at construction; anyone may read.
  const size_t cells_;
  Line* const common_shard_;

  // Shared. No index from this one on has a shard.
  std::atomic<int> shards_end_{0};

  // By the index of the thread: that thread's to write, anyone may read.
  std::array<std::atomic<Line*>, kMostThreads> shards_ = {};
};

}  // namespace pinion

#endif  // PINION_CORE_SHARDED_TALLIES_H_
