// SPDX-License-Identifier: Apache-2.0
//
// ThreadIndex: a small number for the calling thread, its alone while it lives.
//
// Threads: anyone; each has its own, the same for the whole process.
// Order:   the lowest number that is free, from 0. When a thread ends, another
//          may get its number, and then sees all that the first did with it.
// Cost:    that of reading a thread's own variable, after its first call.
// Example: counts_[ThreadIndex()].Add(1);     // no other thread writes there
#ifndef PINION_CORE_THREAD_INDEX_H_
#define PINION_CORE_THREAD_INDEX_H_

namespace pinion {
namespace internal {

inline constinit thread_local int thread_index = -1;  // None yet.

// Gives the calling thread its number, until it ends.
int TakeThreadIndex();

}  // namespace internal

inline int ThreadIndex() {
  const int index = internal::thread_index;
  return __builtin_expect(index >= 0, true) ? index
                                            : internal::TakeThreadIndex();
}

}  // namespace pinion

#endif  // PINION_CORE_THREAD_INDEX_H_
