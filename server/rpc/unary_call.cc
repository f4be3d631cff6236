// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/rpc/unary_call.h"

#include <grpcpp/support/slice.h>

#include <utility>

namespace pinion {

void UnaryCall::Await(const GrpcMethod& method, IoThread& io) {
  UnaryCall* call = new UnaryCall(method, io);  // Ends with its references.
  call->rpc_->context.AsyncNotifyWhenDone(
      static_cast<IoEvent*>(&call->over_event_));
  method.service->AwaitCall(method.index, &call->rpc_->context,
                            &call->rpc_->request, &call->rpc_->writer,
                            io.queue(), static_cast<IoEvent*>(call));
}

UnaryCall::UnaryCall(const GrpcMethod& method, IoThread& io)
    : GrpcCall(method, io) {
  rpc_.emplace();
}

void UnaryCall::OnEvent(bool ok) {
  if (arrived_) {
    answer_left_ = true;  // Or its client has.
    io_.patience().End(*this);
    CloseWhenOver();
  } else if (ok) {
    Await(host_, io_);
    arrived_ = true;
    Arrive(rpc_->context, rpc_->request);
  } else {
    // The server shuts down: no call will come, nor word that it is over.
    io_.NoCallComes();
    Unref();
  }
}

void UnaryCall::OnEntered(std::optional<Answer> refusal) {
  if (refusal.has_value()) {
    answer = *std::move(refusal);
    held_ = answer_is_held();
    if (!held_) SendAnswer();
  } else if (over_) {
    RevokeForClient();  // gRPC may tell of the end first.
  }
}

void UnaryCall::OnOver() {
  over_ = true;
  if (rpc_->context.IsCancelled()) RevokeForClient();
  CloseWhenOver();
}

void UnaryCall::OnDelivered() {
  DisarmDeadline();
  served->lanes->TellIfDropped(*this);
  SendAnswer();
}

void UnaryCall::SendAnswer() {
  LetGoOfRequest();
  io_.patience().Begin(*this);
  const grpc::Status status = StatusWithTrailers(answer, rpc_->context);
  if (!status.ok()) {
    rpc_->writer.FinishWithError(status, static_cast<IoEvent*>(this));
    return;
  }
  const grpc::Slice payload = std::move(answer.payload).ToSlice();
  const grpc::ByteBuffer response(&payload, 1);
  rpc_->writer.Finish(response, status, static_cast<IoEvent*>(this));
}

void UnaryCall::CloseWhenOver() {
  if (!answer_left_ || !over_) return;
  rpc_.reset();
  Close();
}

}  // namespace pinion
