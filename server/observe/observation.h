// SPDX-License-Identifier: Apache-2.0
//
// Observation: what a server has noted of the calls that its handlers ran: the
//              slowest, the hottest keys, and the sampled calls of a key.
//
// Threads: AddLane() before its lane runs calls. Each lane's worker notes, with
//          its LaneObserver; any thread calls the rest meanwhile. Neither waits
//          for the other.
// Memory:  34 KB for each worker, 35 KB for each lane with a sampled call, and
//          2.7 MB in all for the slots with sampled calls (recent_calls.h).
// Errors:  none. A note that is being written at each of several looks, by a
//          worker that has lost its CPU there, is left out.
// Example: Observation observation({.workers = 4, .sample_calls = 64});
//          LaneObserver* observer = observation.AddLane(service, worker);
//          ...
//          return observation.ListHotKeys(request);
#ifndef PINION_SERVER_OBSERVE_OBSERVATION_H_
#define PINION_SERVER_OBSERVE_OBSERVATION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/clock.h"
#include "pinion/server/observe/call_note.h"
#include "pinion/server/observe/lane_observer.h"
#include "pinion/server/security/identity/wall_clock.h"

namespace pinion {

struct ObservationOptions {
  int workers = 1;
  Clock clock = {};
  WallClock wall_clock = {};
  uint64_t key_seed = 0;
  // As HostingOptions has them.
  int64_t sample_calls = 64;
  bool show_keys = false;
};

class Observation {
 public:
  explicit Observation(const ObservationOptions& options);
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

  // The observer of the lane of `service` on `worker`.
  LaneObserver* AddLane(absl::string_view service, int worker);

  // Change sample_calls and show_keys. A worker takes over the first with its
  // next batch; estimates of earlier samples stay right.
  void SetSampleCalls(int64_t of) {
    shared_.sample_of.store(static_cast<uint64_t>(of),
                            std::memory_order_relaxed);
  }
  void SetShowKeys(bool show) {
    show_keys_.store(show, std::memory_order_relaxed);
  }
  bool show_keys() const { return show_keys_.load(std::memory_order_relaxed); }

  // As admin.proto says. A service that is not hosted has no hot keys.
  admin::v1::ListSlowCallsResponse ListSlowCalls(
      const admin::v1::ListSlowCallsRequest& request) const;
  admin::v1::ListHotKeysResponse ListHotKeys(
      const admin::v1::ListHotKeysRequest& request) const;
  // Sets `recent` and `sampled_of`, for a key with these Key::bytes().
  void AddRecent(absl::string_view service, absl::string_view key,
                 admin::v1::ExplainKeyResponse& response) const;

 private:
  uint64_t sample_of() const {
    return shared_.sample_of.load(std::memory_order_relaxed);
  }
  admin::v1::HotKeysOfService HotKeysOf(
      const std::vector<const LaneObserver*>& lanes, size_t limit) const;
  // By the wall clock.
  uint64_t MillisOf(Moment moment) const;
  // All but the key.
  admin::v1::CallRecord RecordOf(const CallNote& note) const;

  // Fixed at construction.
  const Clock clock_;
  const WallClock wall_clock_;
  const Moment start_;
  // By worker.
  const std::vector<std::unique_ptr<WorkerNotes>> workers_;

  // Shared. Relaxed, because nothing else is handed over with it.
  std::atomic<bool> show_keys_;
  SharedByObservers shared_;
  mutable Mutex mutex_;  // Lanes may be added while others are read.
  // So that nobody can tell which calls are sampled.
  std::random_device random_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<LaneObserver>> lanes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion

#endif  // PINION_SERVER_OBSERVE_OBSERVATION_H_
