// SPDX-License-Identifier: Apache-2.0
//
// Hops: carries functions from lane to lane of one hosted service; hop.h says
//       what users may rely on.
//
// Threads: workers only. Each worker calls Open(), Run() and Close() for its
//          own lane, and may post to any queue. I/O threads post the hops of
//          streams. Any thread may call EndOwn() and the functions that only
//          look.
// Life:    made for a scheduler; used until the scheduler has stopped.
// Example: hops.Open(worker, shard.get());      // From now on they run.
//          if (hops.waiting(worker)) hops.Run(worker);
//          hops.Close(worker);                  // None runs any more.
#ifndef PINION_SERVER_SHARD_HOPS_H_
#define PINION_SERVER_SHARD_HOPS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pinion/core/clock.h"
#include "pinion/core/inbox.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_item.h"
#include "pinion/server/hop.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/internal/hop_node.h"
#include "pinion/server/log.h"
#include "pinion/server/shard/slot_owners.h"

namespace pinion {

class CallTrace;
class HopTrace;
class HopSpan;
class RunningWork;

class Hops {
 public:
  // For `scheduler`; `owners` must outlive it. `name` is the service's name,
  // and `shard_type` the type of its shards, from Hop::TypeOf(). `running`
  // shows what runs, and `log` gets what functions throw, and hops to workers
  // that do not exist.
  Hops(Scheduler& scheduler, const std::string& name, const void* shard_type,
       const SlotOwners& owners, RunningWork& running, LogSink log);
  ~Hops();  // Drops the functions that never ran.
  Hops(const Hops&) = delete;
  Hops& operator=(const Hops&) = delete;

  // A hop for a running call that has its place in `credit`. Takes one place
  // more, beyond the limit if necessary; the limit is exceeded only until the
  // call releases its own place. `trace` is the call's; null: it is not traced.
  Hop TakeForCall(Credit& credit, const CallTrace* trace = nullptr);

  // A hop for a stream. It keeps the stream's place until the stream is
  // finished.
  Hop TakeForStream();

  // The own hop of the shard of `worker`; call it on that worker. None while it
  // is in use.
  std::optional<Hop> TakeOwn(int worker);

  const SlotOwners& owners() const { return owners_; }

  // Runs everything that is posted to `worker` with `shard`. Call it on that
  // worker. Functions posted earlier have waited for this.
  void Open(int worker, void* shard);

  // Whether functions wait for `worker`. Cheap; for that worker only.
  bool waiting(int worker) const { return !queues_[worker]->inbox.empty(); }

  // Runs the functions that wait for `worker`, on that worker, as far as one
  // run goes. Another run follows for the rest.
  void Run(int worker);

  // Drops the functions that wait for `worker`, and all later ones. Call it on
  // that worker.
  void Close(int worker);

  // From now on, no shard's own hop is posted or run.
  void EndOwn() { own_ended_.store(true, std::memory_order_relaxed); }

  // From now on nothing is posted or run. The shards are being destroyed, and
  // their members may still have hops.
  void End() { ended_.store(true, std::memory_order_relaxed); }

  // Whether any posted function has not ended yet. If none, and nobody else can
  // post, it stays so.
  bool UnderWay() const;

 private:
  // The node of a hop. It has one holder at a time: a Hop or a lane's queue.
  class Node final : public HopNode, public WorkItem {
   public:
    // `own`: it is a shard's own hop.
    Node(Hops& hops, bool own);
    ~Node() override;

    void Post(int worker, Hop::Function to_run) override;
    void Release() override;
    void CheckShard(const void* type) const override;
    int OwnerOf(const Key& key) const override;

    Hops& hops;
    const bool own;
    Credit* credit = nullptr;  // Where a call's hop has its place, if any.
    // Whether a shard's own hop is in use. Written with acquire and release,
    // each paired with the other: the next holder sees what the last one did.
    std::atomic<bool> away{false};
    Hop::Function function;
    std::unique_ptr<HopTrace> trace;  // Null: it is not traced.
  };

  struct Queue {
    // Shared. It is never full, so no post can fail. The number of hops limits
    // its length.
    Inbox inbox;
    std::atomic<uint64_t> posted{0};

    // Fixed at construction; any thread may read.
    Task* task = nullptr;

    // The worker's only, except `ended`, which any thread reads.
    alignas(64) WorkChain taken;
    void* shard = nullptr;  // Null: not open.
    bool closed = false;
    std::atomic<uint64_t> ended{0};
    std::unique_ptr<Node> own;
  };

  void Post(int worker, Node* node);
  void DropForNoWorker(int worker, Node* node);
  // Destroys its function, and ends the hop.
  void Drop(Node* node);
  void RunOne(Queue& queue, int worker, Node* node);
  // `span`: null if the hop is not traced.
  void RunFunction(Queue& queue, int worker, Hop::Function function, Hop hop,
                   HopSpan* span);
  bool MayRun(const Node& node) const {
    if (ended_.load(std::memory_order_relaxed)) return false;
    return !node.own || !own_ended_.load(std::memory_order_relaxed);
  }
  Queue& At(int worker) const;

  // Fixed at construction; any thread may read.
  const Clock clock_;
  const void* const shard_type_;
  const SlotOwners& owners_;
  RunningWork& running_;
  const std::string name_;
  const std::string what_;  // For people: a hop of the service.
  const LogSink log_;
  std::vector<std::unique_ptr<Queue>> queues_;

  // Shared. Relaxed: a thread that must know that a worker has seen it asks
  // that worker for quiet afterwards.
  std::atomic<bool> own_ended_{false};
  std::atomic<bool> ended_{false};
};

}  // namespace pinion

#endif  // PINION_SERVER_SHARD_HOPS_H_
