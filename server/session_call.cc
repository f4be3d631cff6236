// SPDX-License-Identifier: Apache-2.0
#include "server/session_call.h"

#include <algorithm>
#include <new>

#include "absl/base/optimization.h"
#include "server/session.h"

namespace pinion {

SessionBytes::SessionBytes(const grpc::ByteBuffer& message)
    : size(message.Length()),
      data(std::make_unique_for_overwrite<char[]>(size)) {
  std::vector<grpc::Slice> slices;
  if (!message.Dump(&slices).ok()) size = 0;
  char* at = data.get();
  for (const grpc::Slice& slice : slices) {
    at = std::copy(slice.begin(), slice.end(), at);
  }
}

void SessionCall::Deliver() {
  // The session is there until this is delivered.
  block_.session().io().Deliver(this);
}

size_t SessionCall::MessageSize(const Answer& answer) const {
  std::vector<MetadataView> trailing;
  return AnswerSize(Outgoing(answer, trailing));
}

OutgoingAnswer SessionCall::Outgoing(
    const Answer& answer, std::vector<MetadataView>& trailing) const {
  OutgoingAnswer outgoing;
  outgoing.id = id();
  outgoing.timing = answer.timing();
  if (answer.status.ok()) {
    outgoing.payload = answer.payload.view();
  } else {
    outgoing.code = static_cast<int>(answer.status.code());
    outgoing.message = answer.status.message();
    outgoing.failure = answer.failure();
  }
  if (ABSL_PREDICT_FALSE(answer.rest != nullptr)) {
    trailing.clear();
    for (const auto& [name, value] : answer.rest->trailing) {
      trailing.push_back({.name = name, .value = value});
    }
    outgoing.trailing = trailing;
    outgoing.status_details = answer.rest->status_details;
  }
  return outgoing;
}

absl::Span<const RoutedCall::Metadata> SessionCall::metadata() const {
  return block_.MetadataOf(*this);
}

Credit& SessionCall::credit() const { return block_.host().door->credit(); }

void SessionCall::OnDelivered() { block_.session().Answered(*this); }

void SessionCall::OnUnreferenced() {
  // The expirer may still look at its fate: it ends with its block.
  answer = Answer();
  block_.Unref();
}

SessionBlock* SessionBlock::Make(Session& session, const SessionHost& host,
                                 SessionBytes bytes, size_t calls) {
  static_assert(sizeof(SessionBlock) % alignof(SessionCall) == 0);
  void* memory =
      ::operator new(sizeof(SessionBlock) + calls * sizeof(SessionCall),
                     std::align_val_t(alignof(SessionCall)));
  return new (memory) SessionBlock(session, host, std::move(bytes));
}

void SessionBlock::Unref() {
  // Release, with the acquire of the last, which destroys what all have left.
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  for (size_t i = 0; i < size_; ++i) At(i)->~SessionCall();
  this->~SessionBlock();
  ::operator delete(this, std::align_val_t(alignof(SessionCall)));
}

void SessionBlock::ArmDeadline(int wheel) {
  expirer_ = host_.expirer;
  wheel_ = wheel;
  if (const std::optional<Moment> at = EarliestDeadline()) Arm(*at);
}

std::optional<Moment> SessionBlock::EarliestDeadline() {
  std::optional<Moment> earliest;
  for (size_t i = 0; i < size_; ++i) {
    const SessionCall& call = *At(i);
    if (!call.admitted || !call.deadline.has_value() || call.fate.answered()) {
      continue;
    }
    earliest = earliest.has_value() ? std::min(*earliest, *call.deadline)
                                    : *call.deadline;
  }
  return earliest;
}

void SessionBlock::Arm(Moment at) {
  AddRef();
  expirer_->Arm(wheel_, *this, at);
}

void SessionBlock::OnDue() {
  const Moment now = expirer_->clock().Now();
  for (size_t i = 0; i < size_; ++i) {
    SessionCall& call = *At(i);
    if (call.admitted && call.deadline.has_value() && *call.deadline <= now) {
      host_.Take(call, Verdict::kExpired);
    }
  }
  if (const std::optional<Moment> next = EarliestDeadline()) {
    Arm(*next);
    // Either the last answer's disarming comes after this, or we see here, by
    // way of the wheel's lock, that it came before.
    if (all_answered_.load(std::memory_order_relaxed) &&
        expirer_->Disarm(wheel_, *this)) {
      Unref();
    }
  }
  Unref();
}

void SessionBlock::Answered() {
  if (++answered_ < size_) return;
  all_answered_.store(true, std::memory_order_relaxed);
  if (expirer_ != nullptr && expirer_->Disarm(wheel_, *this)) Unref();
}

}  // namespace pinion
