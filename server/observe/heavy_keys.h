// SPDX-License-Identifier: Apache-2.0
//
// HeavyKeys: the heaviest of any number of keys, by the weights that are added
//            to them, in bounded memory: a Space-Saving sketch (A. Metwally,
//            D. Agrawal, A. El Abbadi, "Efficient computation of frequent and
//            top-k elements in data streams", 2005).
//
// Threads: one thread calls Add(); any thread calls Read() meanwhile.
// Exact:   a key with more than 1/64 of all weight is among the counters. A
//          counter is too high by its `error` at most, and never too low.
// Memory:  8.6 KB.
// Example: heavy.Add(window, key, /*weight=*/64, /*beside=*/ran_ns);
//          heavy.Read(window, counters);          // Any thread.
#ifndef PINION_SERVER_OBSERVE_HEAVY_KEYS_H_
#define PINION_SERVER_OBSERVE_HEAVY_KEYS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pinion/server/observe/noted_key.h"
#include "pinion/server/observe/published.h"

namespace pinion {

class HeavyKeys {
 public:
  static constexpr size_t kCounters = 64;

  struct Counter {
    NotedKey key;
    uint64_t window = 0;  // See windows.h.
    uint64_t weight = 0;
    // The weight of the key whose counter it took over.
    uint64_t error = 0;
    // What else was added, since it is counted.
    uint64_t beside = 0;
  };

  // Adds to the key, and what is `beside` of another measure. A new window
  // begins anew.
  void Add(uint64_t window, const NotedKey& key, uint64_t weight,
           uint64_t beside);

  // Appends those of the window. Returns what a key that is not among them may
  // have at most.
  uint64_t Read(uint64_t window, std::vector<Counter>& counters) const;

 private:
  size_t Find(uint64_t hash) const;
  size_t Lightest() const;

  // The writer's. Copies of what the counters have, to search them.
  uint64_t window_ = 0;
  size_t used_ = 0;
  std::array<uint64_t, kCounters> hashes_ = {};
  std::array<uint64_t, kCounters> weights_ = {};

  // Shared.
  std::array<Published<Counter>, kCounters> counters_;
};

}  // namespace pinion

#endif  // PINION_SERVER_OBSERVE_HEAVY_KEYS_H_
