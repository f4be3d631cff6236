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

  // Those of one method, for the worker.
  class OfMethod {
   public:
    // A handler of the method has run a call that was accepted at `accepted`.
    // `wake` is the last one before the worker took it.
    void Record(Moment accepted, const RunTimes& times, const Wake& wake) {
      ran_.Record((times.ended - times.claimed).count());
      const int64_t waited = (times.claimed - accepted).count();
      if (wake.woke <= accepted) {
        // It came when the worker was awake, and has nothing of the wake.
        woken_late_.RecordNone();
        waited_.Record(std::max<int64_t>(waited, 0));
        return;
      }
      const int64_t late = (wake.woke - std::max(accepted, wake.asked)).count();
      woken_late_.Record(late);
      waited_.Record(std::max<int64_t>(waited - late, 0));
    }

   private:
    friend class Latencies;
    LatencyHistogram waited_;
    LatencyHistogram woken_late_;
    LatencyHistogram ran_;
  };
  OfMethod& Of(int method) {
    std::atomic<OfMethod*>& cell = methods_[method];
    OfMethod* its = cell.load(std::memory_order_relaxed);
    if (its == nullptr) {
      its = new OfMethod;
      // Release, with the acquire in AddTo().
      cell.store(its, std::memory_order_release);
    }
    return *its;
  }

  // Adds the latencies of the method to those in `snapshot`.
  void AddTo(MethodSnapshot& snapshot, int method) const {
    // Acquire, with the release in Of().
    const OfMethod* its = methods_[method].load(std::memory_order_acquire);
    if (its == nullptr) return;
    snapshot.waited.Add(its->waited_);
    snapshot.woken_late.Add(its->woken_late_);
    snapshot.ran.Add(its->ran_);
  }

 private:
  // Only the worker writes it. Null: no call of the method has run.
  std::vector<std::atomic<OfMethod*>> methods_;
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_LATENCIES_H_
