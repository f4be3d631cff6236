// SPDX-License-Identifier: Apache-2.0
#include "server/held_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "server/routed_call.h"
#include "server/why_dropped.h"

namespace pinion {
namespace {

absl::Status Dropped(const HeldCall& call) {
  const absl::Status* const why = WhyDropped::Current();
  if (why != nullptr) return *why;
  return absl::InternalError(
      absl::StrCat("the handler dropped the ", call.handle()));
}

Answer DropAnswer(absl::Status status) {
  return Failed(std::move(status), v1::REASON_HANDLER, v1::EXECUTED_YES);
}

}  // namespace

HeldCall::HeldCall(RoutedCall& call, const HeldPlace& place)
    : call_(call), context_(call, place.clock, &place.hops, &place.credit) {
  context_.KeepKey();
}

HeldCall::~HeldCall() { LetGo(); }

void HeldCall::LetGo() {
  if (std::exchange(has_reference_, false)) call_.Unref();
}

void HeldCall::Finish(Answer answer) {
  if (!context_.trailing().empty()) {
    answer.MakeRest().trailing = context_.TakeTrailing();
  }
  answer_ = std::move(answer);
  End();
}

void HeldCall::Drop() { End(); }

void HeldCall::End() {
  const State was = state_.exchange(kFinished, std::memory_order_acq_rel);
  PINION_CHECK(was != kFinished, "a call was finished twice");
  if (was == kInHandler) return;  // From now on it is the lane's.
  calls_->End(*this, TakeAnswer());
  delete this;
}

Answer HeldCall::TakeAnswer(absl::Status otherwise) {
  if (answer_.has_value()) return *std::move(answer_);
  return DropAnswer(otherwise.ok() ? Dropped(*this) : std::move(otherwise));
}

bool HeldCalls::Hold(HeldCall& call) {
  if (call.finished()) return false;
  call.calls_ = shared_from_this();
  MutexLock lock(mutex_);
  call.next_ = first_;
  call.pointer_here_ = &first_;
  if (first_ != nullptr) first_->pointer_here_ = &call.next_;
  first_ = &call;
  HeldCall::State state = HeldCall::kInHandler;
  if (call.state_.compare_exchange_strong(state, HeldCall::kHeld,
                                          std::memory_order_acq_rel)) {
    return true;
  }
  Unlink(call);
  return false;
}

void HeldCalls::End(HeldCall& call, Answer answer) {
  MutexLock lock(mutex_);
  if (ends_ == nullptr) return;
  Unlink(call);
  ends_->EndHeld(call, std::move(answer));
  // As long as the server is surely there: what the call holds of it goes with
  // the last reference.
  call.LetGo();
}

void HeldCalls::Detach() {
  MutexLock lock(mutex_);
  while (first_ != nullptr) {
    HeldCall& call = *first_;
    Unlink(call);
    ends_->EndHeld(call, DropAnswer(Dropped(call)));
    // The call stays, for its holder; what it holds of the server goes.
    call.call_.ReturnCredit();
  }
  ends_ = nullptr;
}

void HeldCalls::Unlink(HeldCall& call) {
  *call.pointer_here_ = call.next_;
  if (call.next_ != nullptr) call.next_->pointer_here_ = call.pointer_here_;
  call.pointer_here_ = nullptr;
}

}  // namespace pinion
