// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/sharded_tallies.h"

namespace pinion {

ShardedTallies::ShardedTallies(size_t cells)
    : cells_(cells), common_shard_(NewShard()) {}

ShardedTallies::~ShardedTallies() {
  for (auto& shard : shards_) delete[] shard.load(std::memory_order_relaxed);
  delete[] common_shard_;
}

uint64_t ShardedTallies::Sum(size_t cell) const {
  // Acquire, with the release in AddTogether(): also with that of an addition
  // before the last, as only read-modify-writes lie between them.
  uint64_t sum = At(common_shard_, cell).load(std::memory_order_acquire);
  // Relaxed: who is to see an addition sees the end as it was then, or a later
  // one.
  const int end = shards_end_.load(std::memory_order_relaxed);
  for (int i = 0; i < end; ++i) {
    // Acquire, with the release in MakeShard(): the shard's zeros are seen.
    Line* shard = shards_[i].load(std::memory_order_acquire);
    if (shard == nullptr) continue;
    // Acquire, with the release in Add().
    sum += At(shard, cell).load(std::memory_order_acquire);
  }
  return sum;
}

ShardedTallies::Line* ShardedTallies::NewShard() const {
  return new Line[(cells_ + kNumbersPerLine - 1) / kNumbersPerLine];
}

ShardedTallies::Line* ShardedTallies::MakeShard(int index) {
  Line* shard = NewShard();
  // Release, with the acquire in Sum().
  shards_[index].store(shard, std::memory_order_release);
  int end = shards_end_.load(std::memory_order_relaxed);
  // Relaxed: the release in Add() follows before anyone relies on it.
  while (end <= index && !shards_end_.compare_exchange_weak(
                             end, index + 1, std::memory_order_relaxed)) {
  }
  return shard;
}

void ShardedTallies::AddTogether(size_t cell, uint64_t more) {
  // Release, with the acquire in Sum().
  At(common_shard_, cell).fetch_add(more, std::memory_order_release);
}

}  // namespace pinion
