// SPDX-License-Identifier: Apache-2.0
//
// BlockPool: memory blocks of one size that lie close together, so that
//            visiting many of them touches few pages.
//
// Threads: the owner's only.
// Life:    all blocks end with the pool. A returned block is kept and given out
//          again.
// Example: BlockPool pool(1040);
//          void* block = pool.Take();
//          pool.Give(block);
#ifndef PINION_SERVER_KEYED_BLOCK_POOL_H_
#define PINION_SERVER_KEYED_BLOCK_POOL_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "pinion/third_party/cpp20.h"

namespace pinion::internal {

class BlockPool {
 public:
  // A multiple of 16, to which the blocks are aligned; at most kSlabBytes.
  explicit BlockPool(size_t block_bytes) : block_bytes_(block_bytes) {}

  void* Take() {
    if (free_ != nullptr) return std::exchange(free_, free_->next);
    if (left_ == 0) {
      slabs_.push_back(std::make_unique_for_overwrite<Slab>());
      left_ = kSlabBytes / block_bytes_;
    }
    return slabs_.back()->bytes + --left_ * block_bytes_;
  }
  void Give(void* block) { free_ = new (block) Free{free_}; }

 private:
  static constexpr size_t kSlabBytes = size_t{64} << 10;

  struct Slab {
    alignas(16) std::byte bytes[kSlabBytes];
  };
  struct Free {
    Free* next;
  };

  const size_t block_bytes_;
  std::vector<std::unique_ptr<Slab>> slabs_;
  size_t left_ = 0;  // Blocks of the last slab never given out.
  Free* free_ = nullptr;
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_BLOCK_POOL_H_
