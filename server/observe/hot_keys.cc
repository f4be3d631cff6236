// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/hot_keys.h"

#include <algorithm>
#include <optional>

#include "pinion/proto/wire/process_hash.h"

namespace pinion {
namespace {

using Heavy = HotKeysReading::Heavy;

// Adds up two windows. A key that one of them does not have may have as much
// there as its lightest counter.
void ReadBoth(const HeavyKeys& now, const HeavyKeys& before, uint64_t window,
              int worker, std::vector<Heavy>& all) {
  std::vector<HeavyKeys::Counter> counters;
  const uint64_t most_now = now.Read(window, counters);
  const size_t of_now = counters.size();
  const uint64_t most_before = before.Read(window - 1, counters);
  HashMap<uint64_t, size_t> places;  // By the key's hash, in `all`.
  for (size_t i = 0; i < counters.size(); ++i) {
    const HeavyKeys::Counter& counter = counters[i];
    const uint64_t otherwise = i < of_now ? most_before : most_now;
    const auto [place, is_new] =
        places.try_emplace(counter.key.hash, all.size());
    if (is_new) {
      all.push_back({.key = counter.key,
                     .worker = worker,
                     .weight = counter.weight + otherwise,
                     .error = counter.error + otherwise,
                     .beside = counter.beside});
      continue;
    }
    Heavy& heavy = all[place->second];
    heavy.weight += counter.weight - most_before;
    heavy.error += counter.error - most_before;
    heavy.beside += counter.beside;
  }
}

void Sort(std::vector<Heavy>& keys) {
  std::sort(keys.begin(), keys.end(), [](const Heavy& a, const Heavy& b) {
    const uint64_t sure_a = a.weight - a.error;
    const uint64_t sure_b = b.weight - b.error;
    if (sure_a != sure_b) return sure_a > sure_b;
    return a.key.hash < b.key.hash;
  });
}

}  // namespace

void HotKeysReading::SortHeaviestFirst() {
  Sort(by_calls);
  Sort(by_time);
}

void HotKeys::Add(uint64_t window, const NotedKey* key, const Load& load) {
  OfWindow& its = windows_[window % 2];
  Totals totals = its.totals.Own();
  if (totals.window != window) totals = {.window = window};
  totals.calls += load.calls;
  totals.ran_ns += load.ran_ns;
  its.totals.Set(totals);
  if (key == nullptr) return;
  its.by_calls.Add(window, *key, load.calls, load.ran_ns);
  its.by_time.Add(window, *key, load.ran_ns, load.calls);
}

void HotKeys::Read(uint64_t window, int worker, HotKeysReading& reading) const {
  const OfWindow& now = windows_[window % 2];
  const OfWindow& before = windows_[(window - 1) % 2];
  for (const OfWindow* its : {&now, &before}) {
    const std::optional<Totals> totals = its->totals.Get();
    if (!totals.has_value() || totals->window + 1 < window) continue;
    reading.calls += totals->calls;
    reading.ran_ns += totals->ran_ns;
  }
  ReadBoth(now.by_calls, before.by_calls, window, worker, reading.by_calls);
  ReadBoth(now.by_time, before.by_time, window, worker, reading.by_time);
}

}  // namespace pinion
