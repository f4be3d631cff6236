// SPDX-License-Identifier: Apache-2.0
//
// ShardedTallies: sums to which many threads add at the same time, each in its
//                 own shard.
//
// Threads: any thread may Add() and Sum() at any time.
// Cost:    adding takes a load and a store in cache lines that no other thread
//          writes to. A sum reads the shards of all threads.
// Order:   a thread that sees an addition in a sum sees everything that
//          happened before it.
// Example: tallies.Add(kBegun, 1); ... tallies.Add(kEnded, 1);
//          // Elsewhere; in this order, never more have ended than begun:
//          const uint64_t ended = tallies.Sum(kEnded);
//          const uint64_t begun = tallies.Sum(kBegun);
//
// So if a thread adds to A, and afterwards the same or another thread adds to
// B, no reader that reads B first and then A sees the second addition without
// the first.
//
// A cell may also decrease, by Add(cell, -1): all arithmetic is modulo 2^64,
// and a shard may be negative. But a sum does not read all shards at one
// moment. If one thread raises a cell and another lowers it, a sum may include
// the fall without the rise, and be 2^64 - 1 though the cell was never below 0.
// If that matters, count rises and falls in two cells, as in the example.
#ifndef PINION_CORE_SHARDED_TALLIES_H_
#define PINION_CORE_SHARDED_TALLIES_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "pinion/core/base/check.h"
#include "pinion/core/thread_index.h"

namespace pinion {

class ShardedTallies {
 public:
  // How many threads can have a shard of their own at a time. Further threads
  // share one, and each addition costs them an atomic operation. It is several
  // times what a server has; each costs 8 bytes while it adds nothing.
  static constexpr int kMaxThreads = 512;

  // With the cells 0 to `cells` - 1, all of them 0.
  explicit ShardedTallies(size_t cells);
  ~ShardedTallies();  // Requires that each Add() and Sum() has returned.
  ShardedTallies(const ShardedTallies&) = delete;
  ShardedTallies& operator=(const ShardedTallies&) = delete;

  // A thread's first call makes its shard, unless an earlier thread has left
  // one.
  void Add(size_t cell, uint64_t more) {
    const int index = ThreadIndex();
    if (index >= kMaxThreads) return AddTogether(cell, more);
    // Relaxed, as below: only threads with this index write here, one after the
    // other, and each sees what the previous one has written.
    Line* shard = shards_[index].load(std::memory_order_relaxed);
    if (shard == nullptr) shard = MakeShard(index);
    std::atomic<uint64_t>& number = At(shard, cell);
    const uint64_t before = number.load(std::memory_order_relaxed);
    // Release, with the acquire in Sum().
    number.store(before + more, std::memory_order_release);
  }

  // For a thread that adds often to the cells from `first` on: its own shard,
  // found once. Only the thread that got it may use it.
  class Mine {
   public:
    Mine() = default;
    // Adds to the cell `first + offset`.
    void Add(size_t offset, uint64_t more) {
      if (numbers_ == nullptr) return tallies_->Add(first_ + offset, more);
      std::atomic<uint64_t>& number = numbers_[offset];
      // As in ShardedTallies::Add().
      const uint64_t before = number.load(std::memory_order_relaxed);
      number.store(before + more, std::memory_order_release);
    }

   private:
    friend class ShardedTallies;
    ShardedTallies* tallies_ = nullptr;
    size_t first_ = 0;
    // Null: the thread has no shard of its own.
    std::atomic<uint64_t>* numbers_ = nullptr;
  };
  Mine MineFrom(size_t first) {
    Mine mine;
    mine.tallies_ = this;
    mine.first_ = first;
    Add(first, 0);  // Makes the shard if there is none yet.
    const int index = ThreadIndex();
    if (index < kMaxThreads) {
      mine.numbers_ =
          &At(shards_[index].load(std::memory_order_relaxed), first);
    }
    return mine;
  }

  // The sum so far: all additions that happened before this call, and perhaps
  // some that happen meanwhile.
  uint64_t Sum(size_t cell) const;

 private:
  // A cache line, so that no two shards share one.
  static constexpr size_t kNumbersPerLine = 8;
  struct alignas(64) Line {
    std::array<std::atomic<uint64_t>, kNumbersPerLine> numbers = {};
  };
  // So that the numbers of an array of lines are an array, too.
  static_assert(sizeof(Line) == kNumbersPerLine * sizeof(uint64_t));

  // The number of `cell` in a shard, which is an array of lines.
  std::atomic<uint64_t>& At(Line* shard, size_t cell) const {
    PINION_DCHECK(cell < cells_, "there is no cell ", cell, "; there are 0 to ",
                  cells_ - 1);
    return shard[cell / kNumbersPerLine].numbers[cell % kNumbersPerLine];
  }
  Line* NewShard() const;

  // Makes the shard of the calling thread, which has this index.
  Line* MakeShard(int index);
  // Adds in the shard that the threads beyond kMaxThreads share.
  void AddTogether(size_t cell, uint64_t more);

  // Fixed at construction; any thread may read.
  const size_t cells_;
  Line* const common_shard_;

  // Shared. No index from this one on has a shard.
  std::atomic<int> shards_end_{0};

  // By thread index: only that thread writes it, any thread may read.
  std::array<std::atomic<Line*>, kMaxThreads> shards_ = {};
};

}  // namespace pinion

#endif  // PINION_CORE_SHARDED_TALLIES_H_
