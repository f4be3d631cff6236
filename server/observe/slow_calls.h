// SPDX-License-Identifier: Apache-2.0
//
// SlowCalls: the slowest calls of one worker: those whose handlers ran longest,
//            and those that took longest in all, with their wait. Both, because
//            one handler that is stuck makes thousands of others wait.
//
// Threads: the worker calls BeginWindow(), Takes() and Add(); any thread calls
//          Read() meanwhile. Neither waits for the other.
// Forgets: the lists begin anew each five minutes (windows.h), and the window
//          before is kept: nothing is older than ten.
// Memory:  kBytes at most.
// Example: if (slow.Takes(waited + ran, ran)) slow.Add(note);  // Two compares.
//          std::vector<SlowCall> calls;
//          slow.Read(windows.At(now), calls);               // Any thread.
//          Keep(SlowestOf(std::move(calls), 20));
#ifndef PINION_SERVER_OBSERVE_SLOW_CALLS_H_
#define PINION_SERVER_OBSERVE_SLOW_CALLS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pinion/server/observe/call_note.h"
#include "pinion/server/observe/noted_key.h"
#include "pinion/server/observe/published.h"

namespace pinion {

struct SlowCall {
  CallNote note;
  NotedKey key;
  uint64_t window = 0;
};

class SlowCalls {
 public:
  // As many of each kind and window.
  static constexpr size_t kPlaces = 32;
  static constexpr size_t kBytes = size_t{34} << 10;

  // Called now and then; `window` never goes back.
  void BeginWindow(uint64_t window) {
    if (window != window_) StartLists(window);
  }

  // Whether a call with these times is among the slowest of the window so far.
  bool Takes(int64_t took_ns, int64_t ran_ns) const {
    return took_ns > least_took_ || ran_ns > least_ran_;
  }
  // Takes over the call if it is.
  void Add(const CallNote& note, const NotedKey& key);

  // Appends those of `window` and the one before. A call may be there twice.
  void Read(uint64_t window, std::vector<SlowCall>& calls) const;

 private:
  // The calls of the largest spans.
  struct Longest {
    // Puts the call in the place of the shortest. Returns what a span must
    // exceed from then on: -1 as long as there is a free place.
    int64_t Put(int64_t span, const SlowCall& call);

    // The worker's.
    size_t used = 0;
    std::array<int64_t, kPlaces> spans = {};

    // Shared.
    std::array<Published<SlowCall>, kPlaces> calls;
  };
  struct OfWindow {
    Longest took;
    Longest ran;
  };

  void StartLists(uint64_t window);

  // The worker's.
  int64_t least_took_ = -1;
  int64_t least_ran_ = -1;
  uint64_t window_ = 0;

  // By the window's number, modulo 2.
  std::array<OfWindow, 2> windows_;
};

static_assert(sizeof(SlowCalls) <= SlowCalls::kBytes);

// The `limit` slowest of `calls`, of each worker's, the one that took longest
// first. Half of them are those that ran longest.
std::vector<SlowCall> SlowestOf(std::vector<SlowCall> calls, size_t limit);

}  // namespace pinion

#endif  // PINION_SERVER_OBSERVE_SLOW_CALLS_H_
