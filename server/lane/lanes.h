// SPDX-License-Identifier: Apache-2.0
//
// Lanes: one hosted service on all workers: on each of them a lane, with its
//        lists of waiting calls, its tasks, one for each priority, and its
//        shard.
//
// Threads: any thread may Admit() and Revoke(), and call the functions that
//          only look. Each worker's thread makes, uses and destroys its shard,
//          one call at a time.
// Life:    made for a scheduler; used until the scheduler has stopped and no
//          call is left.
// Example: if (auto refusal = lanes->Admit(worker, call)) Refuse(call);
//          ...
//          lanes->Revoke(*call, RevokeReason::kCancelled);  // Unless answered.
#ifndef PINION_SERVER_LANE_LANES_H_
#define PINION_SERVER_LANE_LANES_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "pinion/core/clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/task.h"
#include "pinion/core/work_item.h"
#include "pinion/core/work_lists.h"
#include "pinion/server/call/fate.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/call/served_method.h"
#include "pinion/server/hosted_service.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/internal/keyed_tallies.h"
#include "pinion/server/internal/largest_answer.h"
#include "pinion/server/internal/live_span.h"
#include "pinion/server/lane/account.h"
#include "pinion/server/lane/lane.h"
#include "pinion/server/lane/lane_options.h"
#include "pinion/server/lane/running_calls.h"
#include "pinion/server/shard/hops.h"
#include "pinion/server/shard/slot_owners.h"
#include "pinion/server/snapshot.h"
#include "pinion/v1/failure.pb.h"

namespace pinion {

class Lanes {
 public:
  // Makes the lanes of `service` and, on each worker, a shard, and waits for
  // the shards. If a shard cannot be made, returns the reason with its worker,
  // after each worker has destroyed the shard that it had made. `service`,
  // `running` and `owners` must outlive the lanes; all lanes of a scheduler
  // share the last two.
  static absl::StatusOr<std::unique_ptr<Lanes>> Create(
      Scheduler& scheduler, const HostedService& service,
      const LaneOptions& options, RunningCalls& running,
      const SlotOwners& owners);

  // Gives `call`, with a reference to it, to `worker`. Its method, class and
  // deadline must be set. From then on it will be answered, once. If the lane
  // refuses it, returns the refusal, and the call still belongs to the caller:
  // RESOURCE_EXHAUSTED if the lane is full, if the call's party has used its
  // share of the lane, or if the calls before it would take longer than its
  // deadline allows. A lane in which no call waits or runs refuses none for its
  // deadline, whatever else it holds.
  std::optional<Answer> Admit(int worker, RoutedCall* call);

  // The same for `calls` of one class and one party that came together, in
  // their order, with one reservation for all of them if there is room, and one
  // append. Calls `refuse` for each refused call.
  void AdmitAll(
      int worker, absl::Span<RoutedCall* const> calls,
      absl::FunctionRef<void(RoutedCall& call, Answer refusal)> refuse);

  // A call that might come, from a client that holds nothing yet.
  struct ImaginedCall {
    TaskClass task_class = TaskClass::kNormal;
    int64_t request_bytes = 0;
    // How much time it has; none: it has no deadline.
    std::optional<std::chrono::nanoseconds> timeout = std::nullopt;
  };
  // The refusal that Admit() would return for such a call now; none if it would
  // let it in. Changes nothing. Any thread may call it.
  std::optional<Answer> Foretell(int worker, const ImaginedCall& call) const;

  // What lies before a new call of that class now: how many calls, the running
  // one included, and the time for them.
  struct Ahead {
    int64_t calls;
    std::chrono::nanoseconds time;
  };
  Ahead AheadOf(int worker, TaskClass task_class) const;

  // Changes LaneOptions::max_calls and max_bytes, for calls that come from now
  // on. A lane that holds more keeps what it holds, and refuses calls until it
  // holds less. Any thread may call it.
  void SetMax(int64_t max_calls, int64_t max_bytes);

  // Answers `call`, which was admitted, in its handler's place, unless it is
  // answered already. Any thread may call it at any time, but not while it
  // holds a lock that Deliver() takes.
  void Revoke(RoutedCall& call, RevokeReason reason) {
    At(call.worker).Revoke(call, reason);
  }

  // Called by the I/O thread that has got the answer of `call`: if its handler
  // dropped it, the log tells. The thread that drops a call holds a lock.
  void TellIfDropped(const RoutedCall& call) const {
    if (call.answer.fault() == AnswerExtras::Fault::kDropped) {
      At(call.worker).TellDropped(call);
    }
  }

  // Counts a refused call. A call that was not routed has no worker.
  void CountRefused(const RoutedCall& call, v1::Reason reason) {
    account_.CountRefused(call.worker, call.method().index, reason);
  }
  // The same for one that was refused before it became a RoutedCall.
  void CountRefused(const HostedMethod& method, v1::Reason reason) {
    account_.CountRefused(-1, method.index, reason);
  }

  // The number of places held on `worker`, open streams included, a moment ago.
  int64_t used(int worker) const {
    return At(worker).credit.calls() + At(worker).streams.calls();
  }

  // Changes LaneOptions::stall_after. Any thread may call it.
  void SetStallAfter(std::chrono::nanoseconds span) { stall_after_.Set(span); }

  // How long `worker` will take, at its recent speed, for this service's
  // waiting calls and for the one that it runs; 0 if there are none.
  std::chrono::nanoseconds DrainTime(int worker) const {
    return At(worker).DrainTime();
  }

  // On the thread of `worker`: the release condition has reached this number.
  void ReleaseAnswers(int worker, uint64_t reached) {
    Lane& lane = At(worker);
    lane.worker_thread.Assert();
    lane.ReleaseHeld(reached);
  }

  const HostedService& service() const { return service_; }
  // Its method of that index, for RoutedCall::served.
  const ServedMethod& served(int index) const { return served_[index]; }
  LaneSnapshot Snapshot(int worker) const;
  MethodSnapshot Snapshot(const HostedMethod& method) const;

  // Lets no further timer, background work or own hop of a shard start. Calls'
  // hops go on; returns whether any is under way. If none was when each worker
  // had nothing to do, and no call is left, none will start. Any thread may
  // call it.
  void EndBackgroundWork();
  bool HopsAreUnderWay() const { return hops_.UnderWay(); }

  // Destroys the shards on their workers, and waits for that. Call it once,
  // before the scheduler stops, when no call and no call's hop is left.
  void DestroyShards();

 private:
  Lanes(Scheduler& scheduler, const HostedService& service,
        const LaneOptions& options, RunningCalls& running,
        const SlotOwners& owners);
  absl::Status MakeLists();
  absl::Status MakeShards();

  Lane& At(int worker) const { return *lanes_[worker]; }
  static KeyedCounts ReadKeyed(const internal::KeyedTallies& tallies);

  absl::Status MakeShard(Lane& lane);

  // Runs `function` on each worker, and returns when all have run it.
  void OnEachWorker(std::function<void(Lane& lane)> function);

  // `before` is the TimeBefore() of the call, `per_call` what it will take.
  std::optional<Answer> RefuseIfTooLate(
      const RoutedCall& call, std::chrono::nanoseconds before,
      std::chrono::nanoseconds per_call) const;
  // The last step of an admission. All calls of the chain have one class.
  void Append(Lane& lane, int worker, TaskClass task_class, WorkChain& calls);
  // Takes the call's place, unless it `has_place`, and a stream's place if it
  // is a stream; or returns why there is none.
  std::optional<Answer> ReservePlaces(Lane& lane, const RoutedCall& call,
                                      bool has_place);
  // The refusal of a call with so much time left, which is not enough.
  Answer TooLate(int worker, Moment now, std::chrono::nanoseconds left,
                 std::chrono::nanoseconds expected) const;
  Answer Full(Credit::Grant why, const RoutedCall& call) const;
  // The lane itself is full, whoever calls.
  Answer LaneFull(Credit::Grant why, int worker, size_t request_bytes) const;
  Answer TooManyStreams(Credit::Grant why, const RoutedCall& call) const;

  // Fixed before Create() returns; any thread may read.
  Scheduler& scheduler_;
  const Clock clock_;
  const HostedService& service_;
  const std::string end_of_batch_;  // For people.
  const LaneOptions options_;
  RunningCalls& running_;
  std::array<WorkLists<RoutedCall>*, kTaskClasses> lists_ = {};
  std::vector<ServedMethod> served_;  // By method.

  // Shared.
  LiveSpan stall_after_;
  Account account_;
  std::vector<LargestAnswer> largest_answers_;  // By method.
  Hops hops_;
  const SharedByLanes shared_;  // Refers to the members above.
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_LANES_H_
