// SPDX-License-Identifier: Apache-2.0
//
// Lane: one hosted service on one worker: what its calls hold there, how long
//       they take, its shard, and how its calls are answered.
//
// Threads: each group of members says which. Any thread may answer a call in
//          its handler's place. Its worker runs calls in it, with a BatchRun.
// Life:    of its Lanes.
// Example: if (lane.TimeBefore(call.task_class, now) > most) Refuse(call);
//          ...
//          lane.Revoke(call, RevokeReason::kCancelled);    // Or, in the end:
//          lane.AnswerUnlessRevoked({.call = &call, ...});
#ifndef PINION_SERVER_LANE_LANE_H_
#define PINION_SERVER_LANE_LANE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/thread_role.h"
#include "pinion/core/clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/tally.h"
#include "pinion/core/task.h"
#include "pinion/server/call/answer_buffer.h"
#include "pinion/server/call/fate.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/internal/call_messages.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/internal/held_call.h"
#include "pinion/server/internal/holding.h"
#include "pinion/server/lane/account.h"
#include "pinion/server/lane/batch_answers.h"
#include "pinion/server/lane/ended_call.h"
#include "pinion/server/lane/lane_options.h"
#include "pinion/server/lane/lane_speed.h"
#include "pinion/server/lane/latencies.h"
#include "pinion/server/lane/running_calls.h"
#include "pinion/server/party/party.h"
#include "pinion/server/shard/background_work.h"
#include "pinion/server/shard_info.h"

namespace pinion {

class HostedService;
class Hops;
class LaneObserver;
class LargestAnswer;

// What all lanes of one service share. Their Lanes has it.
struct SharedByLanes {
  const Clock& clock;
  const HostedService& service;
  const std::string& end_of_batch;  // For people.
  const LaneOptions& options;
  RunningCalls& running;
  Account& account;
  std::vector<LargestAnswer>& largest_answers;  // By method.
  Hops& hops;
};

// The answers of a batch that wait for the release condition, with the lane's
// references to their calls.
struct HeldBatch {
  uint64_t until;  // ReleaseHeld() must reach it.
  std::vector<AnswerBuffer*> buffers;
  std::vector<EndedCall> ended;
};

class Lane final : private HeldCalls::Answerer {
 public:
  // `shared` must outlive it.
  Lane(const SharedByLanes& shared, Scheduler& scheduler, int worker);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // The number of calls that wait or run here, of that class and the classes
  // before it. Excludes held calls whose handlers have returned.
  int64_t CallsUpTo(TaskClass task_class) const {
    uint64_t calls = 0;
    for (int i = 0; i <= static_cast<int>(task_class); ++i) {
      const uint64_t gone = left[i].value();
      const uint64_t came = entered[i].load(std::memory_order_relaxed);
      calls += came - std::min(came, gone);
    }
    return static_cast<int64_t>(calls);
  }
  // How long the calls before a new call of that class will take.
  std::chrono::nanoseconds TimeBefore(TaskClass task_class, Moment now) const {
    return CallsUpTo(task_class) * speed.per_call() +
           shared.running.Age(worker, now);
  }
  // How long the calls that wait and the one that runs will take; 0 if there
  // are none.
  std::chrono::nanoseconds DrainTime() const {
    return TimeBefore(TaskClass::kBulk, shared.clock.Now());
  }

  // What the call's party holds of the lane; null if it has no party.
  Holding* PartyHeld(const RoutedCall& call) const {
    Party* const party = call.party();
    return party != nullptr ? &party->held_in(index) : nullptr;
  }
  // The same for the lane's open streams.
  Holding* PartyStreams(const RoutedCall& call) const {
    Party* const party = call.party();
    return party != nullptr ? &party->streams_in(index) : nullptr;
  }

  // Releases the call's place.
  void ReturnPlace(const RoutedCall& call) {
    credit.Return(1, static_cast<int64_t>(call.request().size()),
                  PartyHeld(call));
  }
  // Called when the call was answered or refused. Releases the stream's place
  // if it is a stream.
  void CloseStream(const RoutedCall& call) {
    if (!call.method().handler.streams) return;
    streams.Return(1, 0, PartyStreams(call));
  }

  // Answers the call, which was admitted here, in its handler's place, unless
  // it is answered already. Any thread may call it.
  void Revoke(RoutedCall& call, RevokeReason reason);

  // Answers a call whose answer is in an AnswerBuffer, which has the lane's
  // reference. False if the call was answered meanwhile; then it is released.
  // `account` is that of the call's method. For the worker.
  bool FinishBuffered(RoutedCall& call, Account::Mine& account) {
    if (!call.fate.Finish()) return DropBuffered(call);
    account.Count(Account::Event::kOk);
    ReturnPlace(call);
    return true;
  }
  // Completes the answer and answers with it, unless the call was answered
  // meanwhile. For the worker, and for the holder of a held call.
  void AnswerUnlessRevoked(EndedCall ended_call);

  // Has the log tell that the handler of `call` threw, on the worker; `what`
  // says what.
  void TellThrown(const RoutedCall& call, absl::string_view what) const;
  // The same for one that dropped its call, whose answer says so. Any thread
  // may call it, but without a lock.
  void TellDropped(const RoutedCall& call) const;

  // Called on the worker when the handler of a stream returns and has left it
  // open: it now belongs to its holder, and the lane holds nothing for it.
  void LeaveOpen(HeldCall* stream);

  // Fixed at construction; any thread may read.
  const SharedByLanes& shared;
  const int worker;
  const size_t index;  // Among all lanes of the server, as a Party counts them.

  // Shared.
  alignas(64) Credit credit;
  Credit streams;  // The open streams.
  // Streams that have ended and that their holders still keep; and how many of
  // them will be notified next.
  std::atomic<int64_t> kept_streams{0};
  std::atomic<int64_t> next_told_kept;
  // The number of calls that have arrived, by class. Relaxed, because it serves
  // an estimate.
  std::array<std::atomic<uint64_t>, kTaskClasses> entered = {};
  // Shared with those who hold one of its calls.
  const std::shared_ptr<HeldCalls> held;

  // Only the worker writes it.
  alignas(64) std::array<Tally, kTaskClasses> left;
  LaneSpeed speed;
  Latencies latencies;

  // The worker's only.
  ThreadRole worker_thread;
  BackgroundWork background_work;
  const ShardInfo info;
  // Null: nobody asks for notes of its calls.
  LaneObserver* const observer ABSL_PT_GUARDED_BY(worker_thread);
  std::shared_ptr<void> shard ABSL_GUARDED_BY(worker_thread);
  // For the present batch: the calls that its handler gets together, and the
  // answers that wait for the end of the batch, with the lane's references.
  // Empty between batches.
  std::vector<HeldCall*> group ABSL_GUARDED_BY(worker_thread);
  std::vector<EndedCall> ended ABSL_GUARDED_BY(worker_thread);
  BatchAnswers answers ABSL_GUARDED_BY(worker_thread);
  // Earlier batches whose answers wait for the release condition.
  std::deque<HeldBatch> held_batches ABSL_GUARDED_BY(worker_thread);
  // By method; null: no call of it has run.
  std::vector<std::unique_ptr<CallMessages>> messages
      ABSL_GUARDED_BY(worker_thread);

  // Sends the answers of the batches whose number is at most `reached`.
  void ReleaseHeld(uint64_t reached)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread);
  // Drops what still waits, when each of the calls was answered otherwise.
  void DropHeld() ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker_thread);

 private:
  void AnswerHeld(HeldCall& call, Answer answer) override;
  bool DropBuffered(RoutedCall& call);
  // Called when the handler ends after the call was answered.
  void DropLateResult(RoutedCall& call);
  // Called when the stream has ended and its holder still keeps it.
  void KeepStream();
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_LANE_H_
