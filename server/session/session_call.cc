// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/session_call.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <new>
#include <string>

#include "pinion/proto/wire/session_request.h"
#include "pinion/server/call/served_method.h"
#include "pinion/server/door/front_door.h"
#include "pinion/server/lane/lanes.h"
#include "pinion/server/session/session.h"
#include "pinion/server/session/session_answer_buffer.h"
#include "pinion/server/session/session_outgoing.h"
#include "pinion/server/tracing/tracer.h"

namespace pinion {

SessionBytes::SessionBytes(size_t size)
    : size(size), data(std::make_unique_for_overwrite<char[]>(size)) {}

SessionBytes::SessionBytes(const grpc::ByteBuffer& message)
    : SessionBytes(message.Length()) {
  std::vector<grpc::Slice> slices;
  if (!message.Dump(&slices).ok()) size = 0;
  char* at = data.get();
  for (const grpc::Slice& slice : slices) {
    std::memcpy(at, slice.begin(), slice.size());
    at += slice.size();
  }
}

void SessionCall::Deliver() {
  // The session is there until this is delivered.
  block_.io().Deliver(this);
}

AnswerBuffer* SessionCall::MakeAnswerBuffer(uint32_t entries, uint32_t bytes,
                                            int64_t reserved) {
  // The session may be gone, if this call was answered in its handler's place:
  // then no answer of the buffer will be its own. So it is only named here.
  return SessionAnswerBuffer::Make(block_.session(), block_.io(), credit(),
                                   block_.shared_party(), entries, bytes,
                                   reserved);
}

size_t SessionCall::MessageSize(const Answer& answer) const {
  std::vector<MetadataView> trailing;
  return AnswerSize(OutgoingOf(id(), answer, trailing));
}

absl::Span<const RoutedCall::MetadataEntry> SessionCall::metadata(
    std::vector<MetadataEntry>& room) const {
  if (!room.empty()) return room;
  MetadataReader reader = CallView::MetadataOf(block_.MetadataOf(*this));
  for (MetadataView entry; reader.Next(&entry);) {
    room.emplace_back(std::string(entry.name), std::string(entry.value));
  }
  return room;
}

Credit& SessionCall::credit() const { return block_.host().door->credit(); }

const void* SessionCall::answered_by() const { return &block_.session(); }

Party* SessionCall::party() const { return &block_.party(); }

const Identity* SessionCall::identity() const { return block_.CallerOf(*this); }

CallTrace* SessionCall::trace() const { return block_.TraceOf(*this); }

void SessionCall::Revoke(RevokeReason reason) {
  if (admitted && !fate.answered()) served->lanes->Revoke(*this, reason);
}

void SessionCall::LeaveServer() {
  ReturnCredit();
  block_.ReturnReserved();
}

void SessionCall::OnDelivered() {
  served->lanes->TellIfDropped(*this);
  block_.session().Answered(*this);
}

void SessionCall::OnUnreferenced() {
  // The expirer may still look at its fate: it ends with its block.
  answer = Answer();
  block_.Unref();
}

SessionBlock::SessionBlock(Session& session, const SessionHost& host,
                           std::shared_ptr<Party> party, SessionMemory memory,
                           SessionBytes bytes)
    : session_(session),
      io_(session.io()),
      host_(host),
      party_(std::move(party)),
      memory_(std::move(memory)),
      bytes_(std::move(bytes)) {}

SessionBlock* SessionBlock::Make(Session& session, const SessionHost& host,
                                 std::shared_ptr<Party> party,
                                 SessionMemory memory, SessionBytes bytes,
                                 size_t calls, size_t with_metadata) {
  static_assert(sizeof(SessionBlock) % alignof(SessionCall) == 0);
  void* storage =
      ::operator new(sizeof(SessionBlock) + calls * sizeof(SessionCall),
                     std::align_val_t(alignof(SessionCall)));
  auto* block = new (storage) SessionBlock(session, host, std::move(party),
                                           std::move(memory), std::move(bytes));
  block->metadata_.reserve(with_metadata);
  return block;
}

void SessionBlock::AllAdded() {
  references_.fetch_add(size_, std::memory_order_relaxed);
  held_bytes_ =
      BytesOf(size_, metadata_.size()) + static_cast<int64_t>(bytes_.size);
  if (traces_ != nullptr) {
    for (const auto& [call, trace] : *traces_) held_bytes_ += trace->bytes();
  }
  // Relaxed, here and below: the number is all there is.
  memory_->fetch_add(held_bytes_, std::memory_order_relaxed);
}

SessionBlock::~SessionBlock() {
  memory_->fetch_sub(held_bytes_, std::memory_order_relaxed);
  ReturnReserved();
}

void SessionBlock::ReturnReserved() {
  if (!std::exchange(reserved_, false)) return;
  host_.door->credit().Return(0, held_bytes_, &party_->held());
}

absl::string_view SessionBlock::MetadataOf(const SessionCall& call) const {
  const auto found = std::lower_bound(
      metadata_.begin(), metadata_.end(), &call,
      [](const auto& entry, const SessionCall* call) {
        return std::less<const SessionCall*>()(entry.first, call);
      });
  if (found == metadata_.end() || found->first != &call) return {};
  return found->second;
}

const Identity* SessionBlock::CallerOf(const SessionCall& call) const {
  if (own_callers_ == nullptr) return caller_.get();
  const auto found = std::lower_bound(
      own_callers_->begin(), own_callers_->end(), &call,
      [](const auto& entry, const SessionCall* call) {
        return std::less<const SessionCall*>()(entry.first, call);
      });
  const bool is_own = found != own_callers_->end() && found->first == &call;
  return is_own ? found->second.get() : caller_.get();
}

void SessionBlock::SetTraceOf(SessionCall& call,
                              std::unique_ptr<CallTrace> trace) {
  if (traces_ == nullptr) traces_ = std::make_unique<Traces>();
  traces_->emplace_back(&call, std::move(trace));
  call.traced = true;
}

CallTrace* SessionBlock::TraceOf(const SessionCall& call) const {
  if (traces_ == nullptr) return nullptr;
  const auto found = std::lower_bound(
      traces_->begin(), traces_->end(), &call,
      [](const auto& entry, const SessionCall* call) {
        return std::less<const SessionCall*>()(entry.first, call);
      });
  const bool has = found != traces_->end() && found->first == &call;
  return has ? found->second.get() : nullptr;
}

void SessionBlock::Unref(uint32_t count) {
  // Release, with the acquire of the last, which destroys what all have left.
  if (references_.fetch_sub(count, std::memory_order_acq_rel) != count) return;
  for (size_t i = 0; i < size_; ++i) At(i)->~SessionCall();
  this->~SessionBlock();
  ::operator delete(this, std::align_val_t(alignof(SessionCall)));
}

void SessionBlock::ArmDeadline(int wheel) {
  expirer_ = host_.expirer;
  wheel_ = wheel;
  due_.Arrange(size_, [this](size_t i) { return DeadlineOf(i); });
  if (const SessionCall* next = NextDue()) Arm(*next->deadline);
}

Deadline SessionBlock::DeadlineOf(size_t index) {
  const SessionCall& call = *At(index);
  return call.admitted ? call.deadline : Deadline();
}

SessionCall* SessionBlock::NextDue() {
  const std::optional<size_t> next =
      due_.Next([this](size_t i) { return DeadlineOf(i); },
                [this](size_t i) { return !At(i)->fate.answered(); });
  return next.has_value() ? At(*next) : nullptr;
}

void SessionBlock::Arm(Moment at) {
  AddRef();
  expirer_->Arm(wheel_, *this, at);
}

void SessionBlock::OnDue() {
  const Moment now = expirer_->clock().Now();
  SessionCall* next = NextDue();
  for (; next != nullptr && *next->deadline <= now; next = NextDue()) {
    next->Revoke(RevokeReason::kExpired);
  }
  if (next != nullptr) {
    Arm(*next->deadline);
    // Either the last answer's disarming comes after this, or we see here, by
    // way of the wheel's lock, that it came before.
    if (all_answered_.load(std::memory_order_relaxed) &&
        expirer_->Disarm(wheel_, *this)) {
      Unref();
    }
  }
  Unref();
}

void SessionBlock::Answered(uint32_t count) {
  answered_ += count;
  if (answered_ < size_) return;
  all_answered_.store(true, std::memory_order_relaxed);
  if (expirer_ != nullptr && expirer_->Disarm(wheel_, *this)) Unref();
}

}  // namespace pinion
