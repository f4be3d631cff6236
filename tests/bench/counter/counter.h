// SPDX-License-Identifier: Apache-2.0
//
// Counter: the state of one key, and what a call does to it: the same in each
// server that is compared.
//
// Threads: one at a time, which is its keeper's business.
// Example: response->set_value(counters_[request.name()].Add(request));
#ifndef PINION_TESTS_BENCH_COUNTER_COUNTER_H_
#define PINION_TESTS_BENCH_COUNTER_COUNTER_H_

#include <cstdint>

#include "tests/bench/counter/counter.pb.h"

namespace pinion::bench {

class Counter {
 public:
  // Adds, works, and returns the value. The work is a number of instructions
  // rather than a time: a thread that loses its CPU meanwhile has the rest of
  // it still before it.
  int64_t Add(const AddRequest& request) {
    value_ += request.by();
    const auto value = static_cast<uint64_t>(value_);
    for (uint32_t round = 0; round < request.work_rounds(); ++round) {
      // Of the mixing kind, so that no compiler knows the end before.
      digest_ = (digest_ ^ (digest_ >> 29)) * 0xbf58476d1ce4e5b9 + value;
    }
    return value_;
  }

  // What the work has made of it.
  uint64_t digest() const { return digest_; }

 private:
  int64_t value_ = 0;
  uint64_t digest_ = 0;
};

// How many rounds of work a CPU of this machine does, when it has nothing else
// to do: the most of many trials, a few milliseconds in all.
double RoundsPerMicrosecond();

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_COUNTER_COUNTER_H_
