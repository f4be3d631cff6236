// SPDX-License-Identifier: Apache-2.0
//
// Health: which parts of a server are serving: the whole server, each hosted
//         service, each worker.
//
// Threads: any thread. Add observers before the first change.
// Names:   "" is the whole server, "pinion.worker.3" is worker 3; a service has
//          its full name.
// Rule:    a worker serves unless it is stalled. The server and its services
//          serve while enough workers do: a load balancer that drops a server
//          loses its healthy workers as well.
// Example: Health health({"shop.v1.CounterService"}, 4);
//          health.SetStarted(); health.SetStalled(3, true);
//          health.Of("pinion.worker.3");            // kNotServing
//          health.Of("shop.v1.CounterService");     // kServing
#ifndef PINION_SERVER_HEALTH_H_
#define PINION_SERVER_HEALTH_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/mutex.h"
#include "pinion/proto/wire/health_message.h"
#include "pinion/proto/wire/process_hash.h"

namespace pinion {

class Health {
 public:
  // `healthy_share`, 0 to 1: the server and its services serve while at least
  // this share of the workers, and at least one worker, serves.
  Health(const std::vector<std::string>& services, int workers,
         double healthy_share = 0);

  // Calls `observer` after each change, on the thread that made the change,
  // with no lock held. The observer then asks for the states that it needs;
  // another change may have happened meanwhile.
  void AddObserver(std::function<void()> observer);

  // From now on everything serves that is not stalled; before, nothing does.
  void SetStarted();

  // A stalled worker does not serve.
  void SetStalled(int worker, bool stalled);
  // Whether the last SetStalled() of the worker said so.
  bool IsStalled(int worker) const;
  // How often the worker has become stalled.
  uint64_t TimesStalled(int worker) const;

  // Changes the share that the constructor was given.
  void SetHealthyShare(double healthy_share);

  // From now on nothing serves, for good.
  void SetStopping();
  // Whether SetStopping() was called.
  bool stopping() const;

  // The names of all services and workers, without "".
  const std::vector<std::string>& names() const { return names_; }

  // The state of `name`; kServiceUnknown if there is no such name. The set of
  // names never changes.
  HealthStatus Of(absl::string_view name) const;

 private:
  enum class Phase { kStarting, kStarted, kStopping };

  void SetPhase(Phase phase);
  void TellObservers() const;
  // Whether `worker` is not stalled; for kAllWorkers, whether enough workers
  // are not.
  bool Serves(int worker) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static constexpr int kAllWorkers = -1;

  // Fixed before the first change; any thread may read.
  std::vector<std::string> names_;
  HashMap<std::string, int> worker_of_;  // Or kAllWorkers.
  std::vector<std::function<void()>> observers_;

  // Shared.
  mutable Mutex mutex_;
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kStarting;
  int fewest_serving_ ABSL_GUARDED_BY(mutex_);  // Workers.
  std::vector<bool> stalled_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> times_stalled_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion

#endif  // PINION_SERVER_HEALTH_H_
