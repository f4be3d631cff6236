// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/heavy_keys.h"

#include <algorithm>
#include <optional>

namespace pinion {

void HeavyKeys::Add(uint64_t window, const NotedKey& key, uint64_t weight,
                    uint64_t beside) {
  if (window != window_) {
    window_ = window;
    used_ = 0;
  }
  size_t at = Find(key.hash);
  Counter counter;
  if (at < used_) {
    counter = counters_[at].Own();
  } else if (used_ < kCounters) {
    ++used_;
    counter = {.key = key, .window = window};
  } else {
    at = Lightest();
    counter = {.key = key,
               .window = window,
               .weight = weights_[at],
               .error = weights_[at]};
  }
  counter.weight += weight;
  counter.beside += beside;
  hashes_[at] = key.hash;
  weights_[at] = counter.weight;
  counters_[at].Set(counter);
}

uint64_t HeavyKeys::Read(uint64_t window,
                         std::vector<Counter>& counters) const {
  size_t found = 0;
  // Their writer is within a Set(), and they may be of the window.
  size_t unreadable = 0;
  uint64_t least = UINT64_MAX;
  for (const Published<Counter>& published : counters_) {
    const std::optional<Counter> counter = published.Get();
    if (!counter.has_value()) {
      if (published.is_set()) ++unreadable;
      continue;
    }
    if (counter->window != window) continue;
    ++found;
    least = std::min(least, counter->weight);
    counters.push_back(*counter);
  }
  if (found == 0 || found + unreadable < kCounters) return 0;
  return least;
}

size_t HeavyKeys::Find(uint64_t hash) const {
  return std::find(hashes_.begin(), hashes_.begin() + used_, hash) -
         hashes_.begin();
}

size_t HeavyKeys::Lightest() const {
  return std::min_element(weights_.begin(), weights_.end()) - weights_.begin();
}

}  // namespace pinion
