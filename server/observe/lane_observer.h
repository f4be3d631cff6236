// SPDX-License-Identifier: Apache-2.0
//
// LaneObserver: what the worker of one lane notes of its calls, for its
//               Observation.
//
// Threads: the lane's worker, but for hot_keys(), which any thread may read.
// Cost:    three comparisons for a call that is neither sampled nor slow. Of
//          another call the key is read and hashed once more.
// Life:    of its Observation.
// Example: observer->BeginBatch(now);
//          if (observer->Wants(took, ran)) observer->Note(call, run);
#ifndef PINION_SERVER_OBSERVE_LANE_OBSERVER_H_
#define PINION_SERVER_OBSERVE_LANE_OBSERVER_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "pinion/core/clock.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/observe/hot_keys.h"
#include "pinion/server/observe/recent_calls.h"
#include "pinion/server/observe/sample_steps.h"
#include "pinion/server/observe/slow_calls.h"
#include "pinion/server/observe/windows.h"

namespace pinion {

// What the observers of all lanes share.
struct SharedByObservers {
  const uint64_t key_seed;
  const Windows windows;
  // One of so many calls is sampled; 0: none is. Relaxed, because nothing else
  // is handed over with it.
  std::atomic<uint64_t> sample_of;
  RecentCalls recent;
};

// What the observers of one worker's lanes share.
struct alignas(64) WorkerNotes {
  SlowCalls slow;
  uint64_t notes = 0;  // Made so far.
};

// How a handler has run a call.
struct ObservedRun {
  Moment claimed;
  Moment ended;
  // How many calls were claimed together, and in how many the handler's time
  // is to be divided: those that it got at once.
  size_t batch = 1;
  size_t shared_by = 1;
  absl::StatusCode code = absl::StatusCode::kOk;
  bool kept = false;  // The handler keeps it; there is no answer yet.
};

class LaneObserver {
 public:
  LaneObserver(SharedByObservers& shared, WorkerNotes& notes,
               std::string service, int worker, uint64_t seed)
      : service(std::move(service)),
        worker(worker),
        shared_(shared),
        notes_(notes),
        steps_(seed) {}
  ~LaneObserver() { delete hot_keys_.load(std::memory_order_relaxed); }
  LaneObserver(const LaneObserver&) = delete;
  LaneObserver& operator=(const LaneObserver&) = delete;

  // Before calls that are claimed together.
  void BeginBatch(Moment now) {
    const uint64_t of = shared_.sample_of.load(std::memory_order_relaxed);
    if (ABSL_PREDICT_FALSE(of != of_)) StartSampling(of);
    notes_.slow.BeginWindow(shared_.windows.At(now));
  }

  // Once for each call that a handler has run: whether it must be noted. It has
  // taken `took`, its wait included.
  bool Wants(std::chrono::nanoseconds took, std::chrono::nanoseconds ran) {
    // Wraps if none is sampled.
    return --left_ == 0 || notes_.slow.Takes(took.count(), ran.count());
  }
  // Called then. The request must still be there.
  void Note(const RoutedCall& call, const ObservedRun& run);

  // Null: no call was sampled yet.
  const HotKeys* hot_keys() const {
    // Acquire, with the release in OwnHotKeys().
    return hot_keys_.load(std::memory_order_acquire);
  }

  const std::string service;
  const int worker;

 private:
  void StartSampling(uint64_t of);
  HotKeys& OwnHotKeys();

  SharedByObservers& shared_;
  WorkerNotes& notes_;

  // The worker's.
  uint64_t left_ = 0;  // Calls up to the next sampled one; 0: there is none.
  uint64_t step_ = 0;  // What it was set to.
  uint64_t of_ = 0;
  SampleSteps steps_;

  // Only the worker writes it.
  std::atomic<HotKeys*> hot_keys_{nullptr};
};

}  // namespace pinion

#endif  // PINION_SERVER_OBSERVE_LANE_OBSERVER_H_
