// SPDX-License-Identifier: Apache-2.0
//
// Hops: the ways from lane to lane of one hosted service; see hop.h for what
//       their users are promised.
//
// Threads: workers' only: each Open()s, Run()s and Close()s its own lane, and
//          may post to any; I/O threads post those of streams; anyone may
//          EndOwn() and ask.
// Life:    made for a scheduler, and used until that has stopped.
// Example: hops.Open(worker, shard.get());      // From now on they run.
//          if (hops.waiting(worker)) hops.Run(worker);
//          hops.Close(worker);                  // None runs any more.
#ifndef PINION_SERVER_HOPS_H_
#define PINION_SERVER_HOPS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/inbox.h"
#include "core/scheduler.h"
#include "core/work_item.h"
#include "server/credit.h"
#include "server/hop.h"
#include "server/log.h"
#include "server/slot_owners.h"

namespace pinion {

class Hops;

// What stands in a lane's line. One holder at a time: a Hop, or a line.
class HopNode : public WorkItem {
 private:
  friend class Hop;
  friend class Hops;

  // `own`: a shard's.
  HopNode(Hops& hops, bool own) : hops_(hops), own_(own) {}

  // Its way is over.
  void GoHome();

  Hops& hops_;
  const bool own_;
  Credit* place_ = nullptr;  // Where a call's has its place, if it has one.
  // Whether a shard's own is under way. Written with acquire and release, each
  // with the other: who takes it sees what its last holder did.
  std::atomic<bool> away_{false};
  Hop::Function function_;
};

class Hops {
 public:
  // For `scheduler`; `owners` outlives it. `name` is the service's, and
  // `shard_type` that of its shards, as Hop::TypeOf() tells it; `log` is told
  // what functions throw.
  Hops(Scheduler& scheduler, const std::string& name, const void* shard_type,
       const SlotOwners& owners, LogFunction log);
  ~Hops();  // Drops what was never run.
  Hops(const Hops&) = delete;
  Hops& operator=(const Hops&) = delete;

  // One for a call that runs, which has its place of `credit`: takes one more,
  // over the bound if need be. The call will return its own, so what is held
  // over the bound is so only until then.
  Hop TakeForCall(Credit& credit);

  // One for a stream, which holds the stream's place until that is finished.
  Hop TakeForStream();

  // The own one of the shard of `worker`, on that; none while it is away.
  std::optional<Hop> TakeOwn(int worker);

  const SlotOwners& owners() const { return owners_; }

  // Has what is posted to `worker` run with `shard`, on that; what was posted
  // before waits till now.
  void Open(int worker, void* shard);

  // Whether any wait for `worker`; its own cheap look.
  bool waiting(int worker) const { return !lanes_[worker]->inbox.empty(); }

  // Runs what waits for `worker`, on that, as far as one run goes; the rest
  // follows by itself.
  void Run(int worker);

  // Drops what waits for `worker`, on that, and what still comes.
  void Close(int worker);

  // From now on no shard's own hop is posted any more, nor run where it has
  // come.
  void EndOwn() { own_ended_.store(true, std::memory_order_relaxed); }

  // From now on nothing is posted any more, nor run: the shards go, and what
  // goes with them may still have hops.
  void End() { ended_.store(true, std::memory_order_relaxed); }

  // Whether any function was posted that has not ended. If not, and nobody else
  // can post, it stays so.
  bool UnderWay() const;

 private:
  friend class Hop;

  struct Lane {
    // Shared. It is never full, so no post can fail; what stands in it is
    // bounded by those who have a hop.
    Inbox inbox;
    std::atomic<uint64_t> posted{0};

    // Fixed at construction; anyone may read.
    Task* task = nullptr;

    // The worker's alone, but for `ended`, which anyone reads.
    alignas(64) WorkChain taken;
    void* shard = nullptr;  // Null: it is not open.
    bool closed = false;
    std::atomic<uint64_t> ended{0};
    std::unique_ptr<HopNode> own;
  };

  void Post(int worker, HopNode* node);
  void RunOne(Lane& lane, HopNode* node);
  void RunFunction(Lane& lane, Hop::Function function, Hop hop);
  bool MayRun(const HopNode& node) const {
    if (ended_.load(std::memory_order_relaxed)) return false;
    return !node.own_ || !own_ended_.load(std::memory_order_relaxed);
  }
  Lane& At(int worker) const;

  // Fixed at construction; anyone may read.
  const Clock clock_;
  const void* const shard_type_;
  const SlotOwners& owners_;
  const std::string name_;
  const LogFunction log_;
  std::vector<std::unique_ptr<Lane>> lanes_;

  // Shared. Relaxed: who must know that a worker has seen it asks that worker
  // for quiet afterwards.
  std::atomic<bool> own_ended_{false};
  std::atomic<bool> ended_{false};
};

}  // namespace pinion

#endif  // PINION_SERVER_HOPS_H_
