// SPDX-License-Identifier: Apache-2.0
//
// RunningWork: which work of its shards each worker runs besides calls (a hop's
//              function, a timer, a posted function), and since when, for other
//              threads to see.
//
// Threads: each worker makes a Scope for its own part. Any thread may look at
//          any time.
// Example: const RunningWork::Scope scope(running, worker, what_, clock.Now());
//          function();
#ifndef PINION_SERVER_SHARD_RUNNING_WORK_H_
#define PINION_SERVER_SHARD_RUNNING_WORK_H_

#include <atomic>
#include <memory>
#include <string>

#include "pinion/core/clock.h"
#include "pinion/core/tally.h"

namespace pinion {

class RunningWork {
  struct PerWorker;

 public:
  explicit RunningWork(int workers) : workers_(new PerWorker[workers]) {}

  // Shows the work while the Scope exists. `what` must outlive all looks.
  class Scope {
   public:
    Scope(RunningWork& running, int worker, const std::string& what, Moment now)
        : its_(running.workers_[worker]) {
      its_.since.Set(now.nanos());
      // Release, with the acquire in Look(): the thread that sees it sees its
      // time.
      its_.what.store(&what, std::memory_order_release);
    }
    ~Scope() { its_.what.store(nullptr, std::memory_order_relaxed); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    PerWorker& its_;
  };

  struct Work {
    const std::string* what;  // Null: none.
    Moment since;             // If none: of the last one.
  };
  Work Look(int worker) const {
    const PerWorker& its = workers_[worker];
    const std::string* what = its.what.load(std::memory_order_acquire);
    return {.what = what, .since = Moment(its.since.value())};
  }

 private:
  struct alignas(64) PerWorker {
    std::atomic<const std::string*> what{nullptr};
    Tally since;
  };

  const std::unique_ptr<PerWorker[]> workers_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SHARD_RUNNING_WORK_H_
