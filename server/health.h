// SPDX-License-Identifier: Apache-2.0
//
// Health: the book of what serves: the whole server, each hosted service, each
//         worker.
//
// Threads: anyone; observers are added before the first change.
// Names:   "" is the whole server, "pinion.worker.3" the worker 3; a service
//          has its full name.
// Example: Health health({"shop.v1.CounterService"}, 4);
//          health.SetStarted(); health.SetStalled(3, true);
//          health.Of("shop.v1.CounterService");     // kNotServing
#ifndef PINION_SERVER_HEALTH_H_
#define PINION_SERVER_HEALTH_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/mutex.h"
#include "proto/wire/health_message.h"

namespace pinion {

class Health {
 public:
  Health(const std::vector<std::string>& services, int workers);

  // Has `observer` called after each change, on the thread that made it, which
  // holds no lock. It then asks for what it wants to know: another change may
  // have come meanwhile.
  void AddObserver(std::function<void()> observer);

  // From now on what is not stalled serves; before, nothing does.
  void SetStarted();

  // A worker that is stalled does not serve; and neither do the whole server
  // and its services, each of which has a part of its keys there.
  void SetStalled(int worker, bool stalled);

  // From now on nothing serves, for good.
  void SetStopping();

  // kServiceUnknown for a name that is not in the book; no name ever comes to
  // it or goes.
  HealthStatus Of(absl::string_view name) const;

 private:
  enum class Phase { kStarting, kStarted, kStopping };

  void SetPhase(Phase phase);
  void TellObservers() const;

  // Fixed before the first change; anyone may read.
  absl::flat_hash_map<std::string, int> worker_of_;  // -1: all workers.
  std::vector<std::function<void()>> observers_;

  // Shared.
  mutable Mutex mutex_;
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kStarting;
  std::vector<bool> stalled_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion

#endif  // PINION_SERVER_HEALTH_H_
