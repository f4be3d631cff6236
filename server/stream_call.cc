// SPDX-License-Identifier: Apache-2.0
#include "server/stream_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/answer.h"

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
    : GrpcCall(method, io), limits_(limits), pending_(limits.most_bytes) {
  outbox_.emplace(io, static_cast<OutboxOwner&>(*this), method.expirer->clock(),
                  limits.write_timeout);
}

void StreamCall::OnEvent(bool ok) {
  if (ok) {
    Await(served_, limits_, io_);
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
  if (auto refusal = Arrive(outbox_->context(), incoming_)) {
    answer = *std::move(refusal);
    End();
  } else if (outbox_->broken()) {
    TakeBack();  // gRPC may tell of the end first.
  }
}

absl::Status StreamCall::Send(const google::protobuf::Message& message) {
  if (fate.taken()) return WhyEnded();
  const size_t size = message.ByteSizeLong();
  if (static_cast<int64_t>(size) > limits_.most_message_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the message has ", size, " bytes, more than the ",
                     limits_.most_message_bytes,
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
                       bytes, " more, of at most ", pending_.most(),
                       "; wait until it is writable"));
    case PendingBytes::Grant::kClosed:
      return WhyEnded();
  }
  // From here on the I/O thread waits for what was counted, so it is delivered
  // in any case.
  auto* sent = new Sent(*this, bytes);  // The I/O thread's from then on.
  absl::Status status = Reserve(bytes);
  if (status.ok()) {
    sent->payload.emplace(size);
    message.SerializeWithCachedSizesToArray(sent->payload->data());
  }
  io_.Deliver(sent);
  return status;
}

absl::Status StreamCall::Reserve(int64_t bytes) {
  if (credit().Reserve(0, bytes) == Credit::Grant::kGranted) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "the server already holds ", credit().bytes(), " bytes and cannot take ",
      bytes, " more, of at most ", credit().most_bytes(), "; send later"));
}

absl::Status StreamCall::WhyEnded() const {
  switch (*fate.verdict()) {
    case Verdict::kExpired:
      return absl::DeadlineExceededError(
          "the stream's deadline has passed; end it");
    case Verdict::kCancelled:
      return absl::CancelledError(
          "the client has cancelled the stream, or is gone; end it");
    case Verdict::kStopped:
      break;
  }
  return absl::UnavailableError(
      "the server had to end the stream to stop; end it");
}

void StreamCall::OnChange(Hop hop, absl::AnyInvocable<void()> function) {
  notice_.Arm(std::move(hop), std::move(function));
  notice_.Tell();
}

void StreamCall::OnSent(Sent* sent) {
  if (sent->payload.has_value() && !answered_) {
    ready_.Push(sent);
    outbox_->Add(sent->bytes);
    return;
  }
  Drop(sent);
  CloseWhenOver();
}

void StreamCall::OnDelivered() {
  DisarmDeadline();
  End();
  notice_.Tell();  // If it was not the handler who has ended it.
}

void StreamCall::End() {
  answered_ = true;
  LetGoOfRequest();
  if (fate.taken()) DropReady();
  if (io_.no_more_time() && !ready_.empty()) {
    DropReady();
    answer = Failed(absl::UnavailableError(
                        "the server had to stop before the whole stream had "
                        "left; its handler had ended it"),
                    v1::REASON_STOPPING, v1::EXECUTED_YES);
  }
  outbox_->FlushSoon();
}

void StreamCall::OnStopBegun() {
  stopping_.store(true, std::memory_order_relaxed);
  notice_.Tell();
}

void StreamCall::OnStop() {
  Take(Verdict::kStopped);
  if (answered_) End();
}

std::optional<OutboxOwner::Message> StreamCall::NextMessage() {
  auto* sent = static_cast<Sent*>(ready_.Pop<IoDelivery>());
  if (sent == nullptr) return std::nullopt;
  const grpc::Slice payload = std::move(*sent->payload).ToSlice();
  Message message{.bytes = grpc::ByteBuffer(&payload, 1), .added = sent->bytes};
  delete sent;
  return message;
}

void StreamCall::DropReady() {
  while (auto* sent = static_cast<Sent*>(ready_.Pop<IoDelivery>())) Drop(sent);
}

void StreamCall::Drop(Sent* sent) {
  if (sent->payload.has_value()) credit().Return(0, sent->bytes);
  if (pending_.Return(sent->bytes)) notice_.Tell();
  delete sent;
}

void StreamCall::OnWritten(int64_t added) {
  credit().Return(0, added);
  if (pending_.Return(added)) notice_.Tell();
}

std::optional<grpc::Status> StreamCall::TryEnd() {
  if (!answered_) return std::nullopt;
  pending_.Close();
  return EndOf(answer, outbox_->context());
}

void StreamCall::CloseWhenOver() {
  if (!outbox_.has_value() || !outbox_->closed() || pending_.bytes() > 0) {
    return;
  }
  outbox_.reset();
  Close();
}

}  // namespace pinion
