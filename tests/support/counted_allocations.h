// SPDX-License-Identifier: Apache-2.0
//
// CountedAllocations: how often the program has asked for memory by operator
//                     new.
//
// Threads: any thread.
// Builds:  it replaces operator new, and so does ThreadSanitizer: a test with
// it
//          is tagged no-tsan.
// Example: const uint64_t before = CountedAllocations();
//          ...
//          EXPECT_EQ(CountedAllocations(), before);
#ifndef PINION_TESTS_SUPPORT_COUNTED_ALLOCATIONS_H_
#define PINION_TESTS_SUPPORT_COUNTED_ALLOCATIONS_H_

#include <cstdint>

namespace pinion::testing {

uint64_t CountedAllocations();

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_COUNTED_ALLOCATIONS_H_
