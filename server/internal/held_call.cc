// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/held_call.h"

#include <utility>

#include "pinion/core/base/check.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/worker.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/internal/why_dropped.h"

namespace pinion {
namespace {

Answer Dropped(const HeldCall& call) {
  Answer answer = refusals::HandlerDropped(call.handle());
  answer.extras->fault = AnswerExtras::Fault::kDropped;
  return answer;
}

}  // namespace

HeldCall::HeldCall(RoutedCall& call, const LaneServices& services)
    : worker_(Worker::Current()),
      call_(call),
      context_(call, services.clock, &services.hops, &services.credit) {
  context_.KeepKey();
}

HeldCall::~HeldCall() { LetGo(); }

void HeldCall::LetGo() {
  if (!has_reference_) return;
  room = {};
  has_reference_ = false;
  call_.Unref();
}

void HeldCall::Finish(Answer answer) {
  if (!context_.trailing().empty()) {
    answer.MakeExtras().trailing = context_.TakeTrailing();
  }
  if (IsInHandler()) room.Fit(answer, claimed);
  answer_ = std::move(answer);
  OnFinished();
}

bool HeldCall::IsInHandler() const {
  // What the lane's worker runs meanwhile is the handler. On other threads
  // nothing says that the server is still there.
  return Worker::Current() == worker_ &&
         state_.load(std::memory_order_relaxed) == kInHandler;
}

void HeldCall::Drop() {
  // Here, because the lane takes the answer later, when nothing says why.
  const absl::Status* const why = WhyDropped::Current();
  if (why != nullptr) answer_ = refusals::HandlerFailed(*why);
  OnFinished();
}

void HeldCall::OnFinished() {
  const State was = state_.exchange(kFinished, std::memory_order_acq_rel);
  PINION_CHECK(was != kFinished, "a call was finished twice");
  if (was == kInHandler) return;  // From now on it is the lane's.
  calls_->AnswerUnlessDetached(*this, TakeAnswer());
  delete this;
}

Answer HeldCall::TakeAnswer(absl::Status otherwise) {
  if (answer_.has_value()) return *std::move(answer_);
  if (otherwise.ok()) return Dropped(*this);
  return refusals::HandlerFailed(std::move(otherwise));
}

absl::StatusCode HeldCall::AnswerCode(const absl::Status& otherwise) const {
  if (answer_.has_value()) return answer_->status.code();
  return otherwise.ok() ? absl::StatusCode::kInternal : otherwise.code();
}

bool HeldCalls::Hold(HeldCall& call) {
  if (call.finished()) return false;
  call.calls_ = shared_from_this();
  MutexLock lock(mutex_);
  held_.PushFront(call);
  HeldCall::State state = HeldCall::kInHandler;
  if (call.state_.compare_exchange_strong(state, HeldCall::kHeld,
                                          std::memory_order_acq_rel)) {
    return true;
  }
  held_.Remove(call);
  return false;
}

void HeldCalls::AnswerUnlessDetached(HeldCall& call, Answer answer) {
  MutexLock lock(mutex_);
  if (answerer_ == nullptr) return;
  held_.Remove(call);
  answerer_->AnswerHeld(call, std::move(answer));
  // As long as the server is surely there: what the call holds of it goes with
  // the last reference.
  call.LetGo();
}

void HeldCalls::Detach() {
  MutexLock lock(mutex_);
  while (HeldCall* call = held_.front()) {
    held_.Remove(*call);
    answerer_->AnswerHeld(*call, Dropped(*call));
    // The call stays, for its holder; what it holds of the server goes.
    call->call_.LeaveServer();
  }
  answerer_ = nullptr;
}

}  // namespace pinion
