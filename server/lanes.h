// SPDX-License-Identifier: Apache-2.0
//
// Lanes: one hosted service's places, one on each worker: its lists of waiting
//        calls and its tasks, one for each priority, and its shard.
//
// Threads: anyone may Admit(), Take() and look; shards are made, used and
//          destroyed on their workers' threads, one call at a time.
// Life:    made for a scheduler, and used until that has stopped and no call is
//          left.
// Example: if (auto refusal = lanes->Admit(worker, call)) Refuse(call);
//          ...
//          lanes->Take(*call, Verdict::kCancelled);  // unless it was answered
#ifndef PINION_SERVER_LANES_H_
#define PINION_SERVER_LANES_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/scheduler.h"
#include "core/tally.h"
#include "core/thread_role.h"
#include "core/work_batch.h"
#include "core/work_lists.h"
#include "server/account.h"
#include "server/credit.h"
#include "server/held_call.h"
#include "server/hops.h"
#include "server/hosted_service.h"
#include "server/lane_speed.h"
#include "server/log.h"
#include "server/own_work.h"
#include "server/routed_call.h"
#include "server/running_calls.h"
#include "server/shard_info.h"
#include "server/slot_owners.h"
#include "server/snapshot.h"

namespace pinion {

struct LaneOptions {
  // How many calls one lane holds at most, 1 to WorkList::kMaxCapacity, and how
  // many bytes of requests, 1 to Credit::kMaxBytes. A call has its place until
  // its node is out of the list and its handler has ended, answered or not.
  int64_t most_calls = 16384;
  int64_t most_bytes = int64_t{64} << 20;
  int64_t max_response_bytes = int64_t{4} << 20;
  // From when on a handler that runs says that its worker is stalled.
  std::chrono::nanoseconds stall_after = std::chrono::seconds(1);
  // Is told what hops, timers and own work of shards throw.
  LogFunction log = {};
};

class Lanes final : private HeldCalls::Ends {
 public:
  // Makes the lanes of `service` and a shard on each worker, and waits for
  // these. If one cannot be made: why, and on which worker; then those that
  // were made have been destroyed, on theirs. `service`, and `running` and
  // `owners`, which all lanes of a scheduler share, outlive them.
  static absl::StatusOr<std::unique_ptr<Lanes>> Create(
      Scheduler& scheduler, const HostedService& service,
      const LaneOptions& options, RunningCalls& running,
      const SlotOwners& owners);

  // Gives `call`, which has its method, its class and its deadline, to
  // `worker`, with a reference to it: it is answered from now on, once. Or
  // returns the refusal and the call is still the caller's:
  // RESOURCE_EXHAUSTED when the lane is full, or what waits in it would not let
  // the call be done within its deadline. An empty lane refuses no call for its
  // deadline.
  std::optional<Answer> Admit(int worker, RoutedCall* call);

  // The same for `calls` of one class that came together, in their order: with
  // one reservation for all of them, if there is room, and one append. What is
  // refused is handed to `refuse`.
  void AdmitAll(
      int worker, absl::Span<RoutedCall* const> calls,
      absl::FunctionRef<void(RoutedCall& call, Answer refusal)> refuse);

  // Answers `call`, which was admitted, in the place of its handler, unless it
  // was answered before. Anyone, any time; not with a lock held that Deliver()
  // takes.
  void Take(RoutedCall& call, Verdict verdict);

  // The refusal of a call that was routed: RESOURCE_EXHAUSTED, not executed.
  Answer Refusal(const RoutedCall& call, v1::Reason reason,
                 absl::string_view message,
                 std::chrono::nanoseconds retry_after) const;

  // Counts a call that is refused; one that was not routed has no worker.
  void CountRefused(const RoutedCall& call, v1::Reason reason) {
    account_.CountRefused(call.worker, call.method->index, reason);
  }

  // How many calls hold a place on `worker`, a moment ago.
  int64_t used(int worker) const { return At(worker).credit.calls(); }

  // How long `worker` will take for what waits there now for this service, at
  // its recent speed; 0 if nothing does.
  std::chrono::nanoseconds DrainTime(int worker) const;

  const HostedService& service() const { return service_; }
  LaneSnapshot Snapshot(int worker) const;
  MethodSnapshot Snapshot(const HostedMethod& method) const;

  // From now on no timer of a shard's and no work of its own begins, and no
  // function of its own hop. Calls' hops go on: whether any is under way. If
  // none was when each worker had nothing to do, and no call is left, it stays
  // so. Anyone.
  void EndOwnWork();
  bool HopsAreUnderWay() const { return hops_.UnderWay(); }

  // Destroys the shards on their workers and waits for that. Once, before the
  // scheduler stops, when no call and no call's hop is left.
  void DestroyShards();

 private:
  // How long the calls of one method took on one worker.
  struct Latencies {
    LatencyHistogram waited;
    LatencyHistogram woken_late;
    LatencyHistogram ran;
  };

  // When a worker was last told to wake, and when it ran again.
  struct Wake {
    Moment asked;
    Moment woke;
  };
  // The calls that are handled in one run of a lane's task.
  struct Batch {
    size_t size;
    Wake wake;
    bool ran = false;  // A handler has.
  };
  struct RunTimes {
    Moment claimed;
    Moment ended;
  };
  // A call whose handler has given its answer, and how many were claimed with
  // it. Has the lane's reference.
  struct EndedCall {
    RoutedCall* call;
    RunTimes times;
    size_t batch;
    Answer answer;
  };

  // What one worker has of the service.
  struct Lane {
    Lane(Scheduler& scheduler, int worker, const std::string& service,
         const LaneOptions& options, size_t methods, Hops& hops,
         HeldCalls::Ends& ends)
        : credit(options.most_calls, options.most_bytes),
          held(std::make_shared<HeldCalls>(ends)),
          latencies(methods),
          own_work(scheduler, worker, service, options.log),
          info(worker, scheduler.clock(), own_work, hops) {}

    // Shared.
    Credit credit;
    // How many calls have come, by class. Relaxed: an estimate is made of it.
    std::array<std::atomic<uint64_t>, kTaskClasses> entered = {};
    // Also of those who hold one of its calls.
    const std::shared_ptr<HeldCalls> held;

    // The worker's to write.
    alignas(64) std::array<Tally, kTaskClasses> left;
    LaneSpeed speed;
    // Of each method; made when it is first run here.
    std::vector<std::atomic<Latencies*>> latencies;

    // The worker's alone.
    ThreadRole worker_thread;
    OwnWork own_work;
    const ShardInfo info;
    std::shared_ptr<void> shard ABSL_GUARDED_BY(worker_thread);
    // Of the batch that runs: what its handler is given together, and what
    // waits for the end of the batch. Empty between batches.
    std::vector<HeldCall*> group ABSL_GUARDED_BY(worker_thread);
    std::vector<EndedCall> ended ABSL_GUARDED_BY(worker_thread);

    ~Lane() {
      for (auto& latency : latencies) delete latency.load();
    }
  };

  Lanes(Scheduler& scheduler, const HostedService& service,
        const LaneOptions& options, RunningCalls& running,
        const SlotOwners& owners);
  absl::Status MakeLists();
  absl::Status MakeShards();

  Lane& At(int worker) const { return *lanes_[worker]; }

  absl::Status MakeShard(Lane& lane);

  // Runs `function` on each worker, and returns when all have.
  void OnEachWorker(std::function<void(Lane& lane)> function);

  // How long a call of that class, beside itself, has before it.
  std::chrono::nanoseconds TimeBefore(const Lane& lane, int worker,
                                      TaskClass task_class, Moment now) const;
  // `before`: what TimeBefore() says of it.
  std::optional<Answer> RefuseIfTooLate(const Lane& lane,
                                        const RoutedCall& call,
                                        std::chrono::nanoseconds before) const;
  // The last step of an admission: the chain is of one class.
  void Append(Lane& lane, int worker, TaskClass task_class, WorkChain& calls);
  Answer Full(Credit::Grant why, const RoutedCall& call) const;

  void Run(int worker, WorkBatch& calls);
  // Whether its handler may run, now; if not, the lane has let go of it.
  bool Claim(Lane& lane, RoutedCall& call, Moment now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane.worker_thread);
  void RunOne(Lane& lane, RoutedCall& call, Batch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane.worker_thread);
  // Runs the handler of `first` and of those behind it that it is given with
  // it; returns the next, if any.
  RoutedCall* RunGroup(Lane& lane, RoutedCall& first, WorkBatch& calls,
                       Batch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane.worker_thread);
  void AddToGroup(Lane& lane, RoutedCall& call, Moment now, const Batch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane.worker_thread);
  void RunHandlerOfGroup(Lane& lane, const HostedMethod& method, Moment now,
                         Batch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane.worker_thread);
  // A handler has given its answer, which leaves now, or at the end of the
  // batch. Takes over the lane's reference.
  void End(Lane& lane, EndedCall ended)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane.worker_thread);
  void EndBatch(Lane& lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane.worker_thread);
  void EndHeld(HeldCall& call, Answer answer) override;
  // What the handler gave, with what belongs to the answer beside.
  Answer Complete(EndedCall ended) const;
  // Answers, unless the call was answered meanwhile.
  void Finish(RoutedCall& call, Answer answer);
  void ReturnPlace(Lane& lane, const RoutedCall& call);
  Wake LastWake() const;
  static void Record(Lane& lane, const RoutedCall& call, const Batch& batch,
                     const RunTimes& times);

  // Fixed before Create() returns; anyone may read.
  Scheduler& scheduler_;
  const Clock clock_;
  const HostedService& service_;
  const LaneOptions options_;
  RunningCalls& running_;
  std::array<WorkLists<RoutedCall>*, kTaskClasses> lists_ = {};

  // Shared.
  Account account_;
  Hops hops_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // They refer to the hops.
};

}  // namespace pinion

#endif  // PINION_SERVER_LANES_H_
