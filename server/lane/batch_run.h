// SPDX-License-Identifier: Apache-2.0
//
// BatchRun: one run of a lane's task: claims the calls of one batch, one after
//           the other, and runs their handlers in the lane's shard.
//
// Threads: the lane's worker only.
// Order:   oldest call first. Hops that wait for the worker run before each
//          handler. The shard's EndBatch() runs last, if it has one and a
//          handler has run.
// Example: [&](int worker, WorkBatch& calls) {
//            BatchRun(LaneOf(worker), calls).Run();
//          }
#ifndef PINION_SERVER_LANE_BATCH_RUN_H_
#define PINION_SERVER_LANE_BATCH_RUN_H_

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "pinion/core/clock.h"
#include "pinion/core/work_batch.h"
#include "pinion/server/call/answer_buffer.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/call/served_method.h"
#include "pinion/server/hosted_service.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/internal/answer_room.h"
#include "pinion/server/internal/call_messages.h"
#include "pinion/server/internal/hosted_method.h"
#include "pinion/server/internal/largest_answer.h"
#include "pinion/server/lane/account.h"
#include "pinion/server/lane/batch_time.h"
#include "pinion/server/lane/ended_call.h"
#include "pinion/server/lane/lane.h"
#include "pinion/server/lane/latencies.h"
#include "pinion/server/observe/lane_observer.h"

namespace pinion {

class CallContext;

class BatchRun {
 public:
  // For the calls in `calls`, with the lane's references to them. Both must
  // outlive it.
  BatchRun(Lane& lane, WorkBatch& calls)
      : lane_(lane),
        shared_(lane.shared),
        calls_(calls),
        size_(calls.size()),
        holds_(shared_.service.ends_batches() ||
               shared_.options.release != nullptr),
        time_(shared_.clock) {}
  BatchRun(const BatchRun&) = delete;
  BatchRun& operator=(const BatchRun&) = delete;

  // Call it once.
  void Run();

 private:
  // A buffer with room for the answer of a call whose handler gets it alone;
  // null: the answer will leave on its own.
  AnswerBuffer* BufferFor(RoutedCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread) {
    // A buffer's answers have nothing beside the response, and nobody knows
    // their times.
    if (!call.in_session || call.wants_timing || call.traced) return nullptr;
    // Answers leave in their order, those outside buffers last.
    if (!lane_.ended.empty()) return nullptr;
    return lane_.answers.For(call, its_.largest->expected());
  }
  // Reserves room for the call's answer before its handler runs, alone or with
  // others; or returns why the call is refused.
  std::optional<Answer> ReserveAnswer(const RoutedCall& call, bool with_others,
                                      AnswerRoom& room);
  // Whether its handler may run now. If not, the call is answered already: use
  // LetGo().
  bool Claim(RoutedCall& call, Moment now) {
    // The expirer may be a little behind.
    if (call.deadline.has_value() && *call.deadline <= now) {
      lane_.Revoke(call, RevokeReason::kExpired);
    }
    if (!call.fate.Claim()) return false;
    its_.account.Count(Account::Event::kClaimed);
    return true;
  }
  // Claim(), of a call that may be traced.
  bool ClaimTraced(RoutedCall& call, Moment now);
  // Releases a call that was answered in its handler's place.
  void LetGo(RoutedCall& call);
  void RunOne(RoutedCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  // RunOne(), with an answer in `buffer` or alone.
  ABSL_ATTRIBUTE_ALWAYS_INLINE inline void RunBuffered(RoutedCall& call,
                                                       Moment now,
                                                       AnswerBuffer& buffer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  void RunAlone(RoutedCall& call, Moment now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  // What a handler has left behind.
  struct Handled {
    absl::Status status = absl::OkStatus();
    RunTimes times;
    bool parsed;  // If not, the request was no message, and no handler ran.
    bool threw = false;
  };
  // Parses the request and runs the handler.
  ABSL_ATTRIBUTE_ALWAYS_INLINE inline Handled Handle(RoutedCall& call,
                                                     Moment now,
                                                     CallContext& context)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  // Writes the response into the buffer, and sends it unless the end of the
  // batch must come first. False if it does not fit.
  bool AnswerInBuffer(RoutedCall& call, AnswerBuffer& buffer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  void AnswerAlone(RoutedCall& call, Handled&& handled, CallContext& context,
                   AnswerRoom room)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  // What is used for each call of one method.
  struct OfMethod {
    const ServedMethod* served = nullptr;
    CallMessages* messages = nullptr;  // For a handler of one call.
    LargestAnswer* largest = nullptr;
    Latencies::OfMethod* latencies = nullptr;
    Account::Mine account;
  };
  // Makes `its_` that of the call.
  void Use(const RoutedCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread) {
    if (its_.served != call.served) UseOther(*call.served);
  }
  void UseOther(const ServedMethod& served)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  // Runs the handler of `first` together with the following calls that it can
  // get. Returns the next call, if any.
  RoutedCall* RunGroup(RoutedCall& first)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  // False if there is no room for its answer before the earlier answers have
  // left.
  bool AddToGroup(RoutedCall& call, Moment now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  void RunHandlerOfGroup(const HostedMethod& method, Moment now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  // A handler has given its answer, which leaves now or at the end of the
  // batch. Takes over the lane's reference.
  void AnswerOrAwaitBatch(EndedCall ended)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  // The shard's EndBatch(); an error replaces all answers.
  void EndBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  void FailBatch(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  // Sends the answers that have waited for the end of the batch, or leaves them
  // to the release condition.
  void ReleaseAnswers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  // Refuses a claimed call; its handler will not run.
  void RefuseClaimed(RoutedCall& call, Answer refusal, Moment now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  // Answers, and releases the lane's reference.
  void AnswerAndUnref(EndedCall&& ended)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  Latencies::Wake LastWake() const;
  void Record(const RoutedCall& call, const RunTimes& times) {
    its_.latencies->Record(call.accepted, times, wake_);
  }
  // Whether the observer must be told of a call that a handler has run. Call it
  // once for each.
  bool IsObserved(const RoutedCall& call, const RunTimes& times)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread) {
    LaneObserver* const observer = lane_.observer;
    return observer != nullptr &&
           ABSL_PREDICT_FALSE(observer->Wants(times.ended - call.accepted,
                                              times.ended - times.claimed));
  }
  // Tells of one that had its handler for itself.
  void Observe(const RoutedCall& call, const Handled& handled)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);
  // Tells of one of the group. Before its holder can be on its own.
  void ObserveHeld(HeldCall& held, const RunTimes& times,
                   const absl::Status& thrown)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane_.worker_thread);

  // Fixed at construction.
  Lane& lane_;
  const SharedByLanes& shared_;
  WorkBatch& calls_;
  const size_t size_;
  // Whether answers wait for the end of the batch.
  const bool holds_;
  BatchTime time_;
  OfMethod its_;  // Of the present call.

  // How its worker was woken for it. Set when it begins.
  Latencies::Wake wake_;
  bool ran_ = false;  // A handler has run.
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_BATCH_RUN_H_
