// SPDX-License-Identifier: Apache-2.0
//
// HotKeys: which keys of one lane are called most, and which keep its worker
//          longest, estimated from sampled calls.
//
// Threads: the lane's worker calls Add(); any thread calls Read() meanwhile.
//          Neither waits for the other.
// Forgets: the counters begin anew each five minutes (windows.h), and the
//          window before is kept: so a reading covers the last five to ten.
// Memory:  kBytes at most, whatever keys there are. Principals are not kept.
// Example: hot.Add(window, &key, {.calls = 64, .ran_ns = 64 * ran});
//          HotKeysReading reading;
//          hot.Read(windows.At(now), worker, reading);      // Any thread.
//          reading.SortHeaviestFirst();
#ifndef PINION_SERVER_OBSERVE_HOT_KEYS_H_
#define PINION_SERVER_OBSERVE_HOT_KEYS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pinion/server/observe/heavy_keys.h"
#include "pinion/server/observe/noted_key.h"
#include "pinion/server/observe/published.h"

namespace pinion {

// What a reading of one lane or several has found.
struct HotKeysReading {
  struct Heavy {
    NotedKey key;
    int worker = 0;
    // By calls or by nanoseconds: at most this, at least this less `error`.
    uint64_t weight = 0;
    uint64_t error = 0;
    uint64_t beside = 0;  // The other measure.
  };

  // The key of which the most is sure comes first.
  void SortHeaviestFirst();

  uint64_t calls = 0;
  uint64_t ran_ns = 0;
  std::vector<Heavy> by_calls;  // `beside` is nanoseconds.
  std::vector<Heavy> by_time;   // `beside` is calls.
};

class HotKeys {
 public:
  static constexpr size_t kBytes = size_t{35} << 10;

  // What a sampled call stands for.
  struct Load {
    uint64_t calls;
    uint64_t ran_ns;
  };
  // `key` is null if the call has none. `window` never goes back.
  void Add(uint64_t window, const NotedKey* key, const Load& load);

  // Adds what is known of `window` and the one before.
  void Read(uint64_t window, int worker, HotKeysReading& reading) const;

 private:
  struct Totals {
    uint64_t window = 0;
    uint64_t calls = 0;
    uint64_t ran_ns = 0;
  };
  struct OfWindow {
    HeavyKeys by_calls;
    HeavyKeys by_time;
    Published<Totals> totals;
  };

  // By the window's number, modulo 2.
  std::array<OfWindow, 2> windows_;
};

static_assert(sizeof(HotKeys) <= HotKeys::kBytes);

}  // namespace pinion

#endif  // PINION_SERVER_OBSERVE_HOT_KEYS_H_
