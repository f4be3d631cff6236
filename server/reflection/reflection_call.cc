// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/reflection/reflection_call.h"

#include <grpcpp/support/slice.h>

#include <utility>

#include "absl/status/status.h"
#include "pinion/core/clock.h"
#include "pinion/proto/wire/reflection_message.h"
#include "pinion/server/call/metadata_meter.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/io/grpc_status.h"

namespace pinion {

void ReflectionCall::Await(ReflectionHost& host, IoThread& io) {
  auto* call = new ReflectionCall(host, io);  // Deletes itself.
  Outbox& outbox = call->outbox_;
  outbox.Expect();
  host.service->AwaitBidi(host.index, &outbox.context(),
                          &call->outbox_.stream(), io.queue(),
                          static_cast<IoEvent*>(call));
}

ReflectionCall::ReflectionCall(ReflectionHost& host, IoThread& io)
    : host_(host),
      io_(io),
      outbox_(io, *this, Clock(), host.write_timeout),
      answers_(*host.files, [this](absl::string_view service) {
        return caller_->MayCallSomeOf(service);
      }) {}

void ReflectionCall::OnEvent(bool ok) {
  if (!ok) {
    io_.NoCallComes();
    delete this;  // The server shuts down; no stream will come.
    return;
  }
  Await(host_, io_);
  io_.CallOpened(*this);
  party_ = host_.door->parties().OfConnection(outbox_.context().peer());
  outbox_.Open();
  if (const auto refusal = BeginToEnter()) EndWith(*refusal);
  if (io_.no_more_time()) OnStop();
}

std::optional<Answer> ReflectionCall::BeginToEnter() {
  if (party_ != nullptr && !party_->OpenCall()) {
    return refusals::TooManyOpenCalls(Party::kMaxOpenCalls);
  }
  if (MeterOf(outbox_.context()).has_too_much()) {
    return refusals::TooMuchMetadata();
  }
  caller_.emplace(*host_.door, outbox_.context(), io_);
  caller_->Find([this] {
    if (const auto refusal = Enter()) EndWith(*refusal);
    ReadOn();
  });
  return std::nullopt;
}

std::optional<Answer> ReflectionCall::Enter() {
  if (auto refusal = caller_->Refuse(reflection_protocol::kPath)) {
    return refusal;
  }
  inside_ = host_.door->inside().Enter();
  if (!inside_) return refusals::ServerStopping();
  entered_ = true;
  return TakePlace();
}

std::optional<Answer> ReflectionCall::TakePlace() {
  Credit& streams = host_.streams;
  Holding* const held =
      party_ != nullptr ? &party_->reflection_streams() : nullptr;
  switch (streams.Reserve(1, 0, held)) {
    case Credit::Grant::kGranted:
      has_place_ = true;
      return std::nullopt;
    case Credit::Grant::kShareOfCalls:
      return refusals::ShareOfReflectionFull(
          {.held = held->Look().calls(), .max = streams.max_calls()});
    default:
      return refusals::ReflectionFull(
          {.held = streams.calls(), .max = streams.max_calls()});
  }
}

void ReflectionCall::ReadOn() {
  if (reads_ended_ || end_.has_value() || outbox_.broken()) return;
  if (read_.under_way() || answer_.has_value() || outbox_.writing()) return;
  outbox_.stream().Read(&incoming_, read_.Begin());
}

void ReflectionCall::OnRead(bool ok) {
  if (!ok) {
    reads_ended_ = true;
  } else if (!end_.has_value() && !outbox_.broken()) {
    AnswerQuestion();
  }
  incoming_.Clear();
  outbox_.FlushSoon();
  CloseWhenOver();
}

void ReflectionCall::AnswerQuestion() {
  if (const auto refusal = caller_->RefuseToGoOn(reflection_protocol::kPath)) {
    return EndWith(*refusal);
  }
  if (incoming_.Length() > kMaxQuestionBytes) {
    return EndWith(
        refusals::RequestTooLarge(incoming_.Length(), kMaxQuestionBytes));
  }
  grpc::Slice bytes;
  if (incoming_.DumpToSingleSlice(&bytes).ok()) {
    answer_ = answers_.Answer(absl::string_view(
        reinterpret_cast<const char*>(bytes.begin()), bytes.size()));
  }
  if (!answer_.has_value()) {
    EndWith(refusals::CannotDecode(bytes.size(), "a ServerReflectionRequest"));
  }
}

std::optional<OutboxOwner::Message> ReflectionCall::NextMessage() {
  if (!answer_.has_value()) return std::nullopt;
  Message message = {.bytes = *std::move(answer_)};
  answer_.reset();
  return message;
}

std::optional<grpc::Status> ReflectionCall::TryEnd() {
  // CANCELLED for gRPC's order; nobody hears it.
  if (outbox_.broken()) return grpc::Status::CANCELLED;
  if (end_.has_value()) return end_;
  if (reads_ended_) return grpc::Status::OK;
  return std::nullopt;
}

void ReflectionCall::OnPolicyChanged() {
  if (!entered_ || outbox_.broken()) return;
  const auto refusal = caller_->RefuseToGoOn(reflection_protocol::kPath);
  if (refusal.has_value()) EndWith(*refusal);
}

void ReflectionCall::OnGraceBegun() { EndWith(refusals::ServerStopping()); }

void ReflectionCall::EndWith(const Answer& refusal) {
  if (end_.has_value() || outbox_.finish_begun()) return;
  AddFailureTrailers(*refusal.failure(), outbox_.context());
  end_ = ToGrpcStatus(refusal.status, *refusal.failure());
  outbox_.FlushSoon();
}

void ReflectionCall::CloseWhenOver() {
  if (!outbox_.closed() || read_.under_way()) return;
  if (has_place_) {
    host_.streams.Return(
        1, 0, party_ != nullptr ? &party_->reflection_streams() : nullptr);
  }
  if (party_ != nullptr) party_->CloseCall();
  io_.CallClosed(*this);
  if (inside_) host_.door->Leave();
  delete this;
}

}  // namespace pinion
