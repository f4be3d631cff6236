// SPDX-License-Identifier: Apache-2.0
//
// HeldCall: a call that its handler was given as a Call, to answer it when it
//           likes; HeldCalls: those of one lane whose handlers have returned
//           without an answer.
//
// Threads: its lane makes and runs it; whoever holds the Call answers it, once,
//          from any thread, also while the handler still runs.
// Order:   an answer given while the handler runs is seen by the lane when that
//          has returned; one given later goes its way at once.
// Stop:    HeldCalls::Detach() lets go of those that are left, which have been
//          answered without their holders. What a holder does then changes
//          nothing; it may do so when the server is gone.
// Use:     what holds a request and a response, or a stream, derives from it;
//          see handler_form.h.
#ifndef PINION_SERVER_HELD_CALL_H_
#define PINION_SERVER_HELD_CALL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/clock.h"
#include "core/mutex.h"
#include "server/answer.h"
#include "server/call_context.h"

namespace pinion {

class HeldCalls;
class RoutedCall;

// What a lane has for each of its calls.
struct HeldPlace {
  const Clock& clock;
  Hops& hops;
  Credit& credit;
};

class HeldCall {
 public:
  // Of `call`, which has been claimed: takes over the lane's reference to it.
  HeldCall(RoutedCall& call, const HeldPlace& place);
  virtual ~HeldCall();
  HeldCall(const HeldCall&) = delete;
  HeldCall& operator=(const HeldCall&) = delete;

  // Decodes the request; the answer if that cannot be done. The lane, first.
  virtual std::optional<Answer> Parse(absl::string_view bytes) = 0;

  // What its holder has.
  virtual absl::string_view handle() const { return "call"; }

  // The holder's, until it has called one of the next two.
  CallContext& context() { return context_; }

  // Answers, unless the call was answered meanwhile. The holder, in the end;
  // `this` is not the holder's any more.
  void Finish(Answer answer);

  // The holder lets it go without an answer: the same with an error that says
  // so.
  void Drop();

  // The rest is the lane's.

  RoutedCall& call() { return call_; }

  // When it was claimed, and with how many others, itself included. Fixed
  // before its handler has returned.
  Moment claimed;
  size_t batch = 1;

  // Whether an answer was given; sees what its giver did before.
  bool finished() const {
    return state_.load(std::memory_order_acquire) == kFinished;
  }

  // What was given; if the holder has dropped it, `otherwise`, or if that is
  // OK an error that says so.
  Answer TakeAnswer(absl::Status otherwise = absl::OkStatus());

 private:
  friend class HeldCalls;

  enum State : uint8_t {
    kInHandler,  // Its handler has not returned: the lane looks after it.
    kHeld,       // It has: the holder does.
    kFinished,   // The holder has.
  };

  // The holder has finished it, one way or the other.
  void End();
  // Gives back the reference, if it was not.
  void LetGo();

  RoutedCall& call_;  // There until LetGo().
  bool has_reference_ = true;
  CallContext context_;
  // Each with release, for what its writer did before, and acquire.
  std::atomic<State> state_{kInHandler};
  // The holder's; the lane's once it is finished. None: it was dropped.
  std::optional<Answer> answer_;

  // Fixed when it is kHeld.
  std::shared_ptr<HeldCalls> calls_;
  // `calls_`'s, by its lock.
  HeldCall* next_ = nullptr;
  HeldCall** pointer_here_ = nullptr;  // Null: it is not in there.
};

class HeldCalls : public std::enable_shared_from_this<HeldCalls> {
 public:
  // Answers a call with what its holder gave, unless it was answered before.
  class Ends {
   public:
    virtual void EndHeld(HeldCall& call, Answer answer) = 0;

   protected:
    ~Ends() = default;
  };

  explicit HeldCalls(Ends& ends) : ends_(&ends) {}

  // Leaves `call`, whose handler has returned, to its holder. False if that has
  // finished it, and the caller ends it. The lane.
  bool Hold(HeldCall& call);

  // Ends what is still held, as if it were dropped now, and does nothing for it
  // any more. Once, when each of them has been answered.
  void Detach();

 private:
  friend class HeldCall;

  // Ends `call`, unless it was detached.
  void End(HeldCall& call, Answer answer);
  void Unlink(HeldCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Held while a call is ended: who detaches waits for that.
  Mutex mutex_;
  Ends* ends_ ABSL_GUARDED_BY(mutex_);  // Null: detached.
  HeldCall* first_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace pinion

#endif  // PINION_SERVER_HELD_CALL_H_
