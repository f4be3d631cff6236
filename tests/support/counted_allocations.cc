// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/support/counted_allocations.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace pinion::testing {
namespace {

std::atomic<uint64_t> allocations{0};

}  // namespace

uint64_t CountedAllocations() {
  return allocations.load(std::memory_order_relaxed);
}

}  // namespace pinion::testing

void* operator new(size_t size) {
  pinion::testing::allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
