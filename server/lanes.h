// SPDX-License-Identifier: Apache-2.0
//
// Lanes: one hosted service's places, one on each worker: its list of waiting
//        calls, its task, and its shard.
//
// Threads: anyone may Admit(); shards are made, used and destroyed on their
//          workers' threads, one call at a time.
// Life:    made for a scheduler, and used until that has stopped.
// Example: if (auto refusal = lanes->Admit(worker, call)) Refuse(call);
#ifndef PINION_SERVER_LANES_H_
#define PINION_SERVER_LANES_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/scheduler.h"
#include "core/thread_role.h"
#include "core/work_batch.h"
#include "core/work_lists.h"
#include "server/call.h"
#include "server/hosted_service.h"

namespace pinion {

// The answer of a server that stops, to a call that no handler has seen.
Answer Stopping();

class Lanes {
 public:
  // Makes the lanes of `service` and a shard on each worker, and waits for
  // these. `service` outlives them.
  static absl::StatusOr<std::unique_ptr<Lanes>> Create(
      Scheduler& scheduler, const HostedService& service, size_t capacity,
      int64_t max_response_bytes);

  // Gives `call` to `worker`, which answers it; or returns the refusal, and the
  // call is still the caller's: RESOURCE_EXHAUSTED when the lane is full,
  // UNAVAILABLE when it is closed.
  std::optional<Answer> Admit(int worker, Call* call);

  // How many calls wait for `worker`, a moment ago.
  size_t waiting(int worker) const { return lists_->waiting(worker); }

  // Refuses all further calls with UNAVAILABLE, and has those that still wait,
  // also the ones a worker has taken but not begun, answered the same; the ones
  // that run are not touched. Anyone, any time.
  void Close();

  // Destroys the shards on their workers and waits for that. Once, after
  // Close(), before the scheduler stops.
  void DestroyShards();

 private:
  // What one worker has of the service.
  struct Lane {
    ThreadRole worker_thread;
    std::shared_ptr<void> shard ABSL_GUARDED_BY(worker_thread);
  };

  Lanes(Scheduler& scheduler, const HostedService& service,
        int64_t max_response_bytes);

  Answer Full(int worker) const;

  // Runs `function` on each worker, and returns when all have.
  void OnEachWorker(std::function<void(Lane& lane)> function);

  void Run(int worker, WorkBatch& calls);
  void RunCall(int worker, Lane& lane, Call& call, size_t batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane.worker_thread);

  // Fixed before Create() returns; anyone may read.
  Scheduler& scheduler_;
  const HostedService& service_;
  const int64_t max_response_bytes_;
  WorkLists<Call>* lists_ = nullptr;
  std::vector<std::unique_ptr<Lane>> lanes_;

  // Shared. Relaxed: a call that is begun just then is run like one before it.
  std::atomic<bool> closed_{false};
};

}  // namespace pinion

#endif  // PINION_SERVER_LANES_H_
