// SPDX-License-Identifier: Apache-2.0
//
// Tally: a number that one thread writes and any thread may read.
//
// Threads: one thread writes, any thread reads.
// Cost:    that of a plain number, without an expensive atomic operation.
// Example: rounds_.Add(1);          // anywhere else: rounds_.value()
#ifndef PINION_CORE_TALLY_H_
#define PINION_CORE_TALLY_H_

#include <atomic>
#include <cstdint>

namespace pinion {

class Tally {
 public:
  void Add(uint64_t more) { Set(value() + more); }
  void RaiseTo(uint64_t least) {
    if (least > value()) Set(least);
  }
  void Set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }

  // The value a moment ago. Relaxed: tallies are not ordered among each other.
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace pinion

#endif  // PINION_CORE_TALLY_H_
