// SPDX-License-Identifier: Apache-2.0
//
// CountedWork: how much memory a piece of code allocates, and in how large
// blocks, since ResetWork(). For one test program, whose operators new and
// delete this header replaces: include it once.
//
// Threads: one.
// Example: ResetWork();
//          map.FindOrCreate("a");
//          EXPECT_LE(Work().largest_block, 65536u);
#ifndef PINION_TESTS_SERVER_SUPPORT_COUNTED_WORK_H_
#define PINION_TESTS_SERVER_SUPPORT_COUNTED_WORK_H_

#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace pinion::testing {

struct CountedWork {
  size_t largest_block = 0;  // In bytes.
  size_t held = 0;           // Bytes that are not freed; ResetWork() keeps it.
};

inline CountedWork& Work() {
  static CountedWork work;
  return work;
}
inline void ResetWork() { Work().largest_block = 0; }

inline void* CountedNew(size_t bytes, size_t alignment) {
  void* const block = alignment <= alignof(std::max_align_t)
                          ? std::malloc(bytes)
                          : std::aligned_alloc(alignment, bytes);
  if (block == nullptr) std::abort();
  Work().largest_block = std::max(Work().largest_block, bytes);
  Work().held += malloc_usable_size(block);
  return block;
}
inline void CountedDelete(void* block) {
  if (block != nullptr) Work().held -= malloc_usable_size(block);
  std::free(block);
}

}  // namespace pinion::testing

// The others of them call these.
void* operator new(size_t bytes) {
  return pinion::testing::CountedNew(bytes, 1);
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  return pinion::testing::CountedNew(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* block) noexcept {
  pinion::testing::CountedDelete(block);
}
void operator delete(void* block, size_t) noexcept {
  pinion::testing::CountedDelete(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
  pinion::testing::CountedDelete(block);
}
void operator delete(void* block, size_t, std::align_val_t) noexcept {
  pinion::testing::CountedDelete(block);
}

#endif  // PINION_TESTS_SERVER_SUPPORT_COUNTED_WORK_H_
