// SPDX-License-Identifier: Apache-2.0
//
// MutexCounters, StripedCounters: counters by name for many threads, under one
// mutex or many.
//
// Threads: anyone.
// Example: StripedCounters counters(64);
//          response->set_value(counters.Add(*request));
#ifndef PINION_TESTS_BENCH_COUNTER_LOCKED_COUNTERS_H_
#define PINION_TESTS_BENCH_COUNTER_LOCKED_COUNTERS_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/synchronization/mutex.h"
#include "pinion/core/base/check.h"
#include "pinion/tests/bench/counter/counter.h"
#include "tests/bench/counter/counter.pb.h"

namespace pinion::bench {

class MutexCounters {
 public:
  int64_t Add(const AddRequest& request) {
    absl::MutexLock lock(&mutex_);
    return counters_[request.name()].Add(request);
  }

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Counter> counters_ ABSL_GUARDED_BY(mutex_);
};

class StripedCounters {
 public:
  // `stripes` is a power of 2, at least 2.
  explicit StripedCounters(int stripes)
      : stripes_(stripes), shift_(64 - std::countr_zero(stripes_.size())) {
    PINION_CHECK(stripes >= 2 && std::has_single_bit(stripes_.size()),
                 "the number of stripes is no power of 2, at least 2");
  }

  int64_t Add(const AddRequest& request) {
    // The high bits: the maps go by the low ones, which would be the same for
    // all names of a stripe.
    const uint64_t hash = absl::HashOf(request.name());
    return stripes_[hash >> shift_].counters.Add(request);
  }

 private:
  // With cache lines of its own, so that locking one disturbs no other.
  struct alignas(64) Stripe {
    MutexCounters counters;
  };

  // Fixed at construction.
  std::vector<Stripe> stripes_;
  const int shift_;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_COUNTER_LOCKED_COUNTERS_H_
