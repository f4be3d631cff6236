// SPDX-License-Identifier: Apache-2.0
//
// Latencies: how long the calls of one lane waited and ran, by method.
//
// Threads: the lane's worker records. Any thread may add them to a snapshot
//          meanwhile.
// Memory:  the three histograms of a method are made when it first runs in the
//          lane.
// Example: latencies.Record(call.method().index, call.accepted, times, wake);
//          latencies.AddTo(snapshot, method.index);  // Any thread.
#ifndef PINION_SERVER_LANE_LATENCIES_H_
#define PINION_SERVER_LANE_LATENCIES_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <vector>

#include "pinion/core/clock.h"
#include "pinion/server/latency_histogram.h"
#include "pinion/server/snapshot.h"

namespace pinion {

// When a call was claimed, and when its handler ended.
struct RunTimes {
  Moment claimed;
  Moment ended;
};

class Latencies {
 public:
  // When a worker was last woken, and when it ran again.
  struct Wake {
    Moment asked;
    Moment woke;
  };

  explicit Latencies(size_t methods) : methods_(methods) {}
  ~Latencies() {
    for (auto& its : methods_) delete its.load();
  }
  Latencies(const Latencies&) = delete;
  Latencies& operator=(const Latencies&) = delete;

  // A handler of the method has run a call that was accepted at `accepted`.
  // `wake` is the last one before the worker took it.
  void Record(int method, Moment accepted, const RunTimes& times,
              const Wake& wake) {
    std::atomic<OfMethod*>& cell = methods_[method];
    OfMethod* its = cell.load(std::memory_order_relaxed);
    if (its == nullptr) {
      its = new OfMethod;
      // Release, with the acquire in AddTo().
      cell.store(its, std::memory_order_release);
    }
    constexpr std::chrono::nanoseconds kNone{0};
    // A call that came when the worker was awake has nothing of the wake.
    const std::chrono::nanoseconds late =
        std::max(wake.woke - std::max(accepted, wake.asked), kNone);
    its->woken_late.Record(late.count());
    its->waited.Record(
        std::max(times.claimed - accepted - late, kNone).count());
    its->ran.Record((times.ended - times.claimed).count());
  }

  // Adds the latencies of the method to those in `snapshot`.
  void AddTo(MethodSnapshot& snapshot, int method) const {
    // Acquire, with the release in Record().
    const OfMethod* its = methods_[method].load(std::memory_order_acquire);
    if (its == nullptr) return;
    snapshot.waited.Add(its->waited);
    snapshot.woken_late.Add(its->woken_late);
    snapshot.ran.Add(its->ran);
  }

 private:
  struct OfMethod {
    LatencyHistogram waited;
    LatencyHistogram woken_late;
    LatencyHistogram ran;
  };

  // Only the worker writes it. Null: no call of the method has run.
  std::vector<std::atomic<OfMethod*>> methods_;
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_LATENCIES_H_
