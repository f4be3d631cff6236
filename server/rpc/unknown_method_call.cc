// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/rpc/unknown_method_call.h"

#include "pinion/server/call/refusals.h"
#include "pinion/server/io/grpc_status.h"

namespace pinion {

void UnknownMethodCall::Await(grpc::AsyncGenericService& service,
                              FrontDoor& door, IoThread& io) {
  UnknownMethodCall* call =
      new UnknownMethodCall(service, door, io);  // Deletes itself.
  service.RequestCall(&call->context_, &call->stream_, io.queue(), io.queue(),
                      static_cast<IoEvent*>(call));
}

UnknownMethodCall::UnknownMethodCall(grpc::AsyncGenericService& service,
                                     FrontDoor& door, IoThread& io)
    : service_(service), door_(door), io_(io), stream_(&context_) {}

void UnknownMethodCall::OnEvent(bool ok) {
  if (ok && !arrived_) {
    arrived_ = true;
    io_.CallOpened(*this);
    Await(service_, door_, io_);
    Begin();
    return;
  }
  if (arrived_) {
    io_.patience().End(*this);
    io_.CallClosed(*this);
  }
  delete this;
}

void UnknownMethodCall::Begin() {
  io_.patience().Begin(*this);
  caller_.emplace(door_, context_, io_);
  caller_->Find([this] { Answer(); });
}

void UnknownMethodCall::Answer() {
  std::optional<pinion::Answer> refusal = caller_->Refuse(context_.method());
  if (!refusal.has_value()) {
    refusal = refusals::NoSuchMethod(context_.method());
  }
  AddFailureTrailers(*refusal->failure(), context_);
  stream_.Finish(ToGrpcStatus(refusal->status, *refusal->failure()),
                 static_cast<IoEvent*>(this));
}

}  // namespace pinion
