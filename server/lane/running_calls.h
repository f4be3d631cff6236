// SPDX-License-Identifier: Apache-2.0
//
// RunningCalls: which call each worker runs, and since when, for other threads
//               to see; and, in a RunningWork, which other work of its shards.
//
// Threads: each worker calls Begin() and End() for its own part. Any thread
//          may look at any time.
// Cost:    one atomic operation for each call, on a cache line of the worker's
//          own.
// Example: running.Visit(3, [](const RoutedCall& call, Moment since) {
//            Report(call.method().path);
//          });
#ifndef PINION_SERVER_LANE_RUNNING_CALLS_H_
#define PINION_SERVER_LANE_RUNNING_CALLS_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "pinion/core/clock.h"
#include "pinion/core/tally.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/shard/running_work.h"

namespace pinion {

class RunningCalls {
 public:
  explicit RunningCalls(int workers)
      : workers_(new PerWorker[workers]), work_(workers) {}

  // Work of shards other than calls.
  RunningWork& work() { return work_; }

  // The call's handler starts at `now`.
  void Begin(int worker, const RoutedCall* call, Moment now) {
    PerWorker& its = workers_[worker];
    its.since.Set(now.nanos());
    // Release, with the acquire in Visit(): the thread that sees the call sees
    // its time.
    its.word.store(reinterpret_cast<uintptr_t>(call),
                   std::memory_order_release);
  }

  // The handler has ended. Waits for a visit in progress.
  void End(int worker) {
    std::atomic<uintptr_t>& word = workers_[worker].word;
    uintptr_t call = word.load(std::memory_order_relaxed) & ~kVisited;
    // Acquire, with the release at the end of a visit: what follows cannot
    // disturb the visit.
    while (!word.compare_exchange_weak(call, 0, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
      call &= ~kVisited;
      std::this_thread::yield();
    }
  }

  // What can be seen of the user's code on `worker`: whether some of it runs,
  // and when the last call and the last other work started. If two looks
  // differ, some of it ran between them.
  struct Look {
    bool inside = false;
    Moment call_begun;
    Moment work_begun;
    friend bool operator==(const Look&, const Look&) = default;
  };
  Look LookAt(int worker) const {
    const PerWorker& its = workers_[worker];
    const RunningWork::Work work = work_.Look(worker);
    return {.inside = work.what != nullptr ||
                      its.word.load(std::memory_order_relaxed) != 0,
            .call_begun = Moment(its.since.value()),
            .work_begun = work.since};
  }

  // How long the call that `worker` runs at `now` has run; 0 if it runs none.
  std::chrono::nanoseconds Age(int worker, Moment now) const {
    const PerWorker& its = workers_[worker];
    // Acquire, with the release in Begin().
    if (its.word.load(std::memory_order_acquire) == 0) {
      return std::chrono::nanoseconds(0);
    }
    return std::max(now - Moment(its.since.value()),
                    std::chrono::nanoseconds(0));
  }

  // Shows `visitor` the call that `worker` runs, if any, and when its handler
  // started. The call cannot end during the visit, so be short. Returns whether
  // there was a call.
  bool Visit(
      int worker,
      absl::FunctionRef<void(const RoutedCall& call, Moment since)> visitor) {
    PerWorker& its = workers_[worker];
    uintptr_t call = its.word.load(std::memory_order_relaxed) & ~kVisited;
    // One visitor at a time. Acquire, with the release in Begin() and of the
    // previous visitor.
    while (call != 0 && !its.word.compare_exchange_weak(
                            call, call | kVisited, std::memory_order_acquire,
                            std::memory_order_relaxed)) {
      call &= ~kVisited;
      std::this_thread::yield();
    }
    if (call == 0) return false;
    visitor(*reinterpret_cast<const RoutedCall*>(call),
            Moment(its.since.value()));
    // Release, with the acquire in End().
    its.word.store(call, std::memory_order_release);
    return true;
  }

  // What `worker` runs now, copied: a call or other work. None if neither.
  struct Running {
    std::string method;  // Its path; empty: it is other work.
    std::optional<std::string> key;
    std::string caller;  // Identity::ToString(); empty if that is not known.
    std::string work;    // A hop of shop.v1.CounterService, say.
    std::chrono::nanoseconds age;
  };
  std::optional<Running> WhatRuns(int worker, const Clock& clock);

  // The same for people: /shop.v1.CounterService/Add, key "a", for 1.2s; or: a
  // hop of shop.v1.CounterService, for 3ms. `describe_key` has the key as it
  // may be seen. Empty if it runs none.
  std::string Describe(
      int worker, const Clock& clock,
      absl::FunctionRef<std::string(absl::string_view key)> describe_key);

 private:
  static constexpr uintptr_t kVisited = 1;

  struct alignas(64) PerWorker {
    std::atomic<uintptr_t> word{0};  // The call, and whether it is visited.
    Tally since;
  };

  const std::unique_ptr<PerWorker[]> workers_;
  RunningWork work_;
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_RUNNING_CALLS_H_
