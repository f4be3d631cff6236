// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/rpc/stream_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/internal/answer.h"

namespace pinion {
namespace {

// What a message counts beside its payload.
constexpr int64_t kMessageBytes = 64;

}  // namespace

void StreamCall::Await(const GrpcMethod& method, const StreamLimits& limits,
                       IoThread& io) {
  auto* call = new StreamCall(method, limits, io);  // Ends with its references.
  call->outbox_->Expect();
  method.service->AwaitStream(method.index, &call->outbox_->context(),
                              &call->incoming_, &call->outbox_->stream(),
                              io.queue(), static_cast<IoEvent*>(call));
}

StreamCall::StreamCall(const GrpcMethod& method, const StreamLimits& limits,
                       IoThread& io)
    : GrpcCall(method, io), limits_(limits), pending_(limits.max_bytes) {
  outbox_ = std::make_unique<OutboxOf<RawStreamWriter>>(
      io, static_cast<OutboxOwner&>(*this), method.expirer->clock(),
      limits.write_timeout);
}

void StreamCall::OnEvent(bool ok) {
  if (ok) {
    Await(host_, limits_, io_);
    Begin();
  } else {
    // The server shuts down: no call will come, nor word that it is over.
    io_.NoCallComes();
    Unref();
  }
}

void StreamCall::Begin() {
  outbox_->Open();
  if (io_.stop_begun()) stopping_.store(true, std::memory_order_relaxed);
  Arrive(outbox_->context(), incoming_);
}

Deadline StreamCall::due() const {
  if (caller() == nullptr || !caller()->expires().has_value()) return deadline;
  const absl::Duration left =
      *caller()->expires() - host_.door->callers()->wall_clock().Now();
  const Moment end =
      host_.expirer->clock().Now() + absl::ToChronoNanoseconds(left);
  return deadline.has_value() ? std::min(*deadline, end) : end;
}

// Keys may have been dropped.
void StreamCall::OnTimesChanged() {
  if (caller() != nullptr && caller()->voided()) {
    Revoke(RevokeReason::kUnauthenticated);
  }
}

void StreamCall::OnEntered(std::optional<Answer> refusal) {
  if (refusal.has_value()) {
    answer = *std::move(refusal);
    held_ = answer_is_held();
    if (!held_) End();
  } else if (outbox_->broken()) {
    RevokeForClient();  // gRPC may tell of the end first.
  }
}

absl::Status StreamCall::Send(const google::protobuf::Message& message) {
  const size_t size = message.ByteSizeLong();
  const absl::StatusOr<Sent*> sent = Count(size);
  if (!sent.ok()) return sent.status();
  absl::Status status = Reserve((*sent)->bytes);
  if (status.ok()) {
    Payload& payload = (*sent)->content.emplace<Payload>(size);
    message.SerializeWithCachedSizesToArray(payload.data());
  }
  io_.Deliver(*sent);
  return status;
}

absl::Status StreamCall::SendShared(const SharedMessage& message) {
  const absl::StatusOr<Sent*> sent = Count(message.size());
  if (!sent.ok()) return sent.status();
  absl::Status status = Reserve(kMessageBytes);
  if (status.ok()) {
    status = ToStatus(message.BeginPending(credit(), party_held()),
                      static_cast<int64_t>(message.size()));
    if (!status.ok()) credit().Return(0, kMessageBytes, party_held());
  }
  if (status.ok()) (*sent)->content = message;
  io_.Deliver(*sent);
  return status;
}

absl::StatusOr<StreamCall::Sent*> StreamCall::Count(size_t size) {
  if (fate.revoked()) return WhyEnded();
  if (static_cast<int64_t>(size) > limits_.max_message_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the message has ", size, " bytes, more than the ",
                     limits_.max_message_bytes,
                     " that a message may have; send less at "
                     "once"));
  }
  const int64_t bytes = kMessageBytes + static_cast<int64_t>(size);
  switch (pending_.Add(bytes)) {
    case PendingBytes::Grant::kGranted:
      break;
    case PendingBytes::Grant::kTooMany:
      return absl::ResourceExhaustedError(
          absl::StrCat("the stream already has ", pending_.bytes(),
                       " bytes that its client "
                       "has not taken and cannot take ",
                       bytes, " more, of at most ", pending_.max(),
                       "; wait until it is writable"));
    case PendingBytes::Grant::kClosed:
      return WhyEnded();
  }
  // From here on the I/O thread waits for what was counted, so it is delivered
  // in any case, and the I/O thread's from then on.
  return new Sent(*this, bytes);
}

absl::Status StreamCall::Reserve(int64_t bytes) {
  return ToStatus(credit().Reserve(0, bytes, party_held()), bytes);
}

absl::Status StreamCall::ToStatus(Credit::Grant grant, int64_t bytes) const {
  if (grant == Credit::Grant::kGranted) return absl::OkStatus();
  if (grant == Credit::Grant::kTooManyBytes) return NoRoom(bytes);
  return absl::ResourceExhaustedError(absl::StrCat(
      "the stream cannot take ", bytes, " more bytes: ",
      refusals::DescribeShare({.in_session = in_session, .held = party_held()},
                              "the server")));
}

absl::Status StreamCall::NoRoom(int64_t bytes) const {
  return absl::ResourceExhaustedError(absl::StrCat(
      "the server already holds ", credit().bytes(), " bytes and cannot take ",
      bytes, " more, of at most ", credit().max_bytes(), "; send later"));
}

absl::Status StreamCall::WhyEnded() const {
  switch (*fate.revoke_reason()) {
    case RevokeReason::kExpired:
      return absl::DeadlineExceededError(
          "the stream's deadline has passed; end it");
    case RevokeReason::kCancelled:
      return absl::CancelledError(
          "the client has cancelled the stream, or is gone; end it");
    case RevokeReason::kNotAllowed:
      return absl::PermissionDeniedError(
          "the server's policy does not allow the stream any more; end it");
    case RevokeReason::kUnauthenticated:
      return absl::UnauthenticatedError(
          "the token of the stream's client has expired, or its key is in use "
          "no more; end it");
    case RevokeReason::kStopped:
      break;
  }
  return absl::UnavailableError(
      "the server had to end the stream to stop; end it");
}

void StreamCall::OnChange(Hop hop, absl::AnyInvocable<void()> function) {
  in_stop_.fetch_or(kHasOnChange, std::memory_order_relaxed);
  notice_.Arm(std::move(hop), std::move(function));
  notice_.Tell();
}

void StreamCall::OnSent(Sent* sent) {
  const bool has_content =
      !std::holds_alternative<std::monostate>(sent->content);
  if (has_content && !answered_) {
    ready_.Push(sent);
    outbox_->Add(sent->bytes);
    return;
  }
  Drop(sent);
  CloseWhenOver();
}

void StreamCall::OnDelivered() {
  DisarmDeadline();
  served->lanes->TellIfDropped(*this);
  End();
  notice_.Tell();  // If it was not the handler who has ended it.
}

void StreamCall::End() {
  answered_ = true;
  LetGoOfRequest();
  if (fate.revoked()) DropReady();
  if (io_.no_more_time() && !ready_.empty()) {
    DropReady();
    answer = refusals::StreamCutOff();
  }
  outbox_->FlushSoon();
}

void StreamCall::OnStopBegun() {
  stopping_.store(true, std::memory_order_relaxed);
  notice_.Tell();
}

bool StreamCall::StopMustEnd(uint8_t what) {
  const uint8_t before = in_stop_.fetch_or(what, std::memory_order_relaxed);
  return (before | what) == (kLeftOpen | kGraceBegun);
}

void StreamCall::OnGraceBegun() {
  if (StopMustEnd(kGraceBegun)) Revoke(RevokeReason::kStopped);
}

void StreamCall::OnPolicyChanged() {
  if (answered_ || outbox_->broken()) return;
  if (!MayGoOn(outbox_->context())) Revoke(RevokeReason::kNotAllowed);
}

void StreamCall::OnStop() {
  Revoke(RevokeReason::kStopped);
  if (answered_) End();
}

std::optional<OutboxOwner::Message> StreamCall::NextMessage() {
  writing_.reset(static_cast<Sent*>(ready_.Pop<IoDelivery>()));
  if (writing_ == nullptr) return std::nullopt;
  auto* const payload = std::get_if<Payload>(&writing_->content);
  const grpc::Slice slice =
      payload != nullptr ? std::move(*payload).ToSlice()
                         : std::get<SharedMessage>(writing_->content).ToSlice();
  return Message{.bytes = grpc::ByteBuffer(&slice, 1),
                 .added = writing_->bytes};
}

void StreamCall::DropReady() {
  while (auto* sent = static_cast<Sent*>(ready_.Pop<IoDelivery>())) Drop(sent);
}

void StreamCall::Drop(Sent* sent) {
  if (std::holds_alternative<Payload>(sent->content)) {
    credit().Return(0, sent->bytes, party_held());
  } else if (auto* const shared = std::get_if<SharedMessage>(&sent->content)) {
    credit().Return(0, kMessageBytes, party_held());
    shared->EndPending(credit(), party_held());
  }
  if (pending_.Return(sent->bytes)) notice_.Tell();
  delete sent;
}

void StreamCall::OnWritten(int64_t) { Drop(writing_.release()); }

std::optional<grpc::Status> StreamCall::TryEnd() {
  if (!answered_) return std::nullopt;
  pending_.Close();
  return StatusWithTrailers(answer, outbox_->context());
}

void StreamCall::CloseWhenOver() {
  if (outbox_ == nullptr || !outbox_->closed() || pending_.bytes() > 0) return;
  outbox_.reset();
  answer = Answer();  // It has left.
  IsDone(kTransportDone);
  Close();
}

void StreamCall::OnLeftOpen() {
  DropRequest();
  IsDone(kLaneDone);
  if (StopMustEnd(kLeftOpen)) Revoke(RevokeReason::kStopped);
}

void StreamCall::IsDone(uint8_t who) {
  // Each way with itself: the later sees what the earlier has charged.
  const uint8_t before = done_.fetch_or(who, std::memory_order_acq_rel);
  if ((before | who) == kAllDone) ReturnRest();
}

}  // namespace pinion
