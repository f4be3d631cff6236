// SPDX-License-Identifier: Apache-2.0
//
// HeldCall: a call that its handler got as a Call, to answer it at any time.
//           HeldCalls: such calls of one lane whose handlers have returned
//           without an answer.
//
// Threads: its lane makes and runs it. The holder of the Call answers it, once,
//          on any thread, even while the handler still runs.
// Order:   if the holder answers while the handler runs, the lane sees the
//          answer when the handler has returned. A later answer leaves at once.
// Stop:    HeldCalls::Detach() releases the calls that are left; they have been
//          answered without their holders. Nothing that a holder does
//          afterwards has an effect, and it may do so even after the server is
//          destroyed.
// Use:     the classes that hold a request and a response, or a stream, derive
//          from it; see handler_form.h.
#ifndef PINION_SERVER_INTERNAL_HELD_CALL_H_
#define PINION_SERVER_INTERNAL_HELD_CALL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/linked_list.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/clock.h"
#include "pinion/server/call_context.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/internal/answer_room.h"

namespace pinion {

class HeldCalls;
class RoutedCall;
class Worker;

// What a lane provides to each of its calls.
struct LaneServices {
  const Clock& clock;
  Hops& hops;
  Credit& credit;
};

// Its hook is for HeldCalls, under its lock.
class HeldCall : public ListHook<HeldCall> {
 public:
  // For `call`, which has been claimed. Takes over the lane's reference to it.
  HeldCall(RoutedCall& call, const LaneServices& services);
  virtual ~HeldCall();
  HeldCall(const HeldCall&) = delete;
  HeldCall& operator=(const HeldCall&) = delete;

  // Decodes the request; returns the answer if that fails. The lane calls it
  // first.
  virtual std::optional<Answer> Parse(absl::string_view bytes) = 0;

  // Called by the lane of a stream when its handler has returned and the holder
  // keeps the stream: releases the request.
  virtual void DropRequest() {}

  // What the holder has, in words.
  virtual absl::string_view handle() const { return "call"; }

  // For the holder, until it has called one of the next two.
  CallContext& context() { return context_; }

  // Answers, unless the call is answered already. The holder calls it once;
  // `this` does not belong to the holder any more.
  void Finish(Answer answer);

  // The holder drops the call without an answer: the same, with an error that
  // says so, or with the reason that WhyDropped has.
  void Drop();

  // The rest is for the lane only.

  RoutedCall& call() { return call_; }

  // When it was claimed, and together with how many calls, itself included.
  // Fixed before its handler has returned.
  Moment claimed;
  size_t batch = 1;

  // Room for its answer. The lane's, before and after the handler. While the
  // handler runs, its thread fits each finished answer to it, so that a batch
  // holds no more than there is room for.
  AnswerRoom room;

  // Whether an answer was given; the caller sees what its giver did before.
  bool finished() const {
    return state_.load(std::memory_order_acquire) == kFinished;
  }

  // The answer that was given. If the holder has dropped the call: `otherwise`,
  // or, if that is OK, an error that says so.
  Answer TakeAnswer(absl::Status otherwise = absl::OkStatus());
  // The status code of that answer.
  absl::StatusCode AnswerCode(const absl::Status& otherwise) const;

 private:
  friend class HeldCalls;

  enum State : uint8_t {
    kInHandler,  // The handler runs; the lane is responsible.
    kHeld,       // The handler has returned; the holder is.
    kFinished,   // The holder has finished it.
  };

  // Whether the calling thread is running its handler.
  bool IsInHandler() const;
  // The holder has finished or dropped it.
  void OnFinished();
  // Releases the reference, if it was not released.
  void LetGo();

  const Worker* const worker_;  // Its lane's. It may be gone at the end.
  RoutedCall& call_;            // Valid until LetGo().
  bool has_reference_ = true;
  CallContext context_;
  // Release, for what each writer did before, and acquire.
  std::atomic<State> state_{kInHandler};
  // The holder's; the lane's once it is finished. None: it was dropped, and
  // nothing else is known.
  std::optional<Answer> answer_;

  // Fixed when it is kHeld.
  std::shared_ptr<HeldCalls> calls_;
};

class HeldCalls : public std::enable_shared_from_this<HeldCalls> {
 public:
  // Answers a call with its holder's answer, unless it is answered already.
  class Answerer {
   public:
    virtual void AnswerHeld(HeldCall& call, Answer answer) = 0;

   protected:
    ~Answerer() = default;
  };

  explicit HeldCalls(Answerer& answerer) : answerer_(&answerer) {}

  // Leaves `call`, whose handler has returned, to its holder. False if the
  // holder has finished it already, and the caller must end it. For the lane.
  bool Hold(HeldCall& call);

  // Ends the calls that are still held, as if they were dropped now, and does
  // nothing for them any more. Call it once, when each of them is answered.
  void Detach();

 private:
  friend class HeldCall;

  // Answers `call`, unless it was detached.
  void AnswerUnlessDetached(HeldCall& call, Answer answer);

  // Held while a call is ended; Detach() waits for that.
  Mutex mutex_;
  Answerer* answerer_ ABSL_GUARDED_BY(mutex_);  // Null: detached.
  LinkedList<HeldCall> held_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_HELD_CALL_H_
