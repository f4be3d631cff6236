// SPDX-License-Identifier: Apache-2.0
//
// RunningCalls: which call each worker runs, and since when, for others to see.
//
// Threads: a worker calls Begin() and End() of its own place; anyone may look,
//          at any time.
// Cost:    one atomic operation a call, on a cache line of the worker's own.
// Example: running.Visit(3, [](const RoutedCall& call, Moment since) {
//            Report(call.method->path);
//          });
#ifndef PINION_SERVER_RUNNING_CALLS_H_
#define PINION_SERVER_RUNNING_CALLS_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/functional/function_ref.h"
#include "core/clock.h"
#include "core/tally.h"
#include "server/routed_call.h"

namespace pinion {

class RunningCalls {
 public:
  explicit RunningCalls(int workers) : places_(new Place[workers]) {}

  // Its handler is about to begin, now.
  void Begin(int worker, const RoutedCall* call, Moment now) {
    Place& place = places_[worker];
    place.since.Set(now.nanos());
    // Release, with the acquire in Visit(): who sees the call sees its time.
    place.word.store(reinterpret_cast<uintptr_t>(call),
                     std::memory_order_release);
  }

  // Its handler has ended. Waits for a visit under way.
  void End(int worker) {
    std::atomic<uintptr_t>& word = places_[worker].word;
    uintptr_t call = word.load(std::memory_order_relaxed) & ~kVisited;
    // Acquire, with the release at the end of a visit: what comes after cannot
    // disturb it.
    while (!word.compare_exchange_weak(call, 0, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
      call &= ~kVisited;
      std::this_thread::yield();
    }
  }

  // How long the call has run that `worker` runs at `now`; 0 if it runs none.
  std::chrono::nanoseconds Age(int worker, Moment now) const {
    const Place& place = places_[worker];
    // Acquire, with the release in Begin().
    if (place.word.load(std::memory_order_acquire) == 0) {
      return std::chrono::nanoseconds(0);
    }
    return std::max(now - Moment(place.since.value()),
                    std::chrono::nanoseconds(0));
  }

  // Has `visitor` look at the call that `worker` runs, if any, and at when its
  // handler began; that call cannot end meanwhile, so be short. Returns whether
  // there was one.
  bool Visit(
      int worker,
      absl::FunctionRef<void(const RoutedCall& call, Moment since)> visitor) {
    Place& place = places_[worker];
    uintptr_t call = place.word.load(std::memory_order_relaxed) & ~kVisited;
    // One visitor at a time. Acquire, with the release in Begin() and of the
    // visitor before.
    while (call != 0 && !place.word.compare_exchange_weak(
                            call, call | kVisited, std::memory_order_acquire,
                            std::memory_order_relaxed)) {
      call &= ~kVisited;
      std::this_thread::yield();
    }
    if (call == 0) return false;
    visitor(*reinterpret_cast<const RoutedCall*>(call),
            Moment(place.since.value()));
    // Release, with the acquire in End().
    place.word.store(call, std::memory_order_release);
    return true;
  }

  // The call that `worker` runs, for people: /shop.v1.CounterService/Add, key
  // "a", for 1.2s. Empty if there is none.
  std::string Describe(int worker, const Clock& clock);

 private:
  static constexpr uintptr_t kVisited = 1;

  struct alignas(64) Place {
    std::atomic<uintptr_t> word{0};  // The call, and whether it is visited.
    Tally since;
  };

  const std::unique_ptr<Place[]> places_;
};

}  // namespace pinion

#endif  // PINION_SERVER_RUNNING_CALLS_H_
