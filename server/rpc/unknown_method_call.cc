// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/rpc/unknown_method_call.h"

#include "pinion/server/call/refusals.h"
#include "pinion/server/io/grpc_status.h"

namespace pinion {

void UnknownMethodCall::Await(grpc::AsyncGenericService& service,
                              IoThread& io) {
  UnknownMethodCall* call =
      new UnknownMethodCall(service, io);  // Deletes itself.
  service.RequestCall(&call->context_, &call->stream_, io.queue(), io.queue(),
                      static_cast<IoEvent*>(call));
}

UnknownMethodCall::UnknownMethodCall(grpc::AsyncGenericService& service,
                                     IoThread& io)
    : service_(service), io_(io), stream_(&context_) {}

void UnknownMethodCall::OnEvent(bool ok) {
  if (ok && !arrived_) {
    arrived_ = true;
    io_.CallOpened(*this);
    Await(service_, io_);
    Answer();
    return;
  }
  if (arrived_) {
    io_.patience().End(*this);
    io_.CallClosed(*this);
  }
  delete this;
}

void UnknownMethodCall::Answer() {
  io_.patience().Begin(*this);
  const auto refusal = refusals::NoSuchMethod(context_.method());
  AddFailureTrailers(*refusal.failure(), context_);
  stream_.Finish(ToGrpcStatus(refusal.status, *refusal.failure()),
                 static_cast<IoEvent*>(this));
}

}  // namespace pinion
