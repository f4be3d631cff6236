// SPDX-License-Identifier: Apache-2.0
//
// ThreadIndex: a small number for the calling thread. No other thread has it at
//              the same time.
//
// Threads: any thread; each has one number in the whole process.
// Order:   the lowest free number, from 0. When a thread ends, another thread
//          may get its number, and then sees everything that the first one did
//          with it.
// Cost:    that of reading a thread-local variable, after the first call.
// Example: counts_[ThreadIndex()].Add(1);     // no other thread writes there
#ifndef PINION_CORE_THREAD_INDEX_H_
#define PINION_CORE_THREAD_INDEX_H_

#include "pinion/third_party/cpp20.h"

namespace pinion {
namespace internal {

inline constinit thread_local int thread_index = -1;  // None yet.

// Gives the calling thread its number until the thread ends.
int TakeThreadIndex();

}  // namespace internal

inline int ThreadIndex() {
  const int index = internal::thread_index;
  return __builtin_expect(index >= 0, true) ? index
                                            : internal::TakeThreadIndex();
}

}  // namespace pinion

#endif  // PINION_CORE_THREAD_INDEX_H_
