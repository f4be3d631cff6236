// SPDX-License-Identifier: Apache-2.0
#include "server/unknown_call.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/grpc_status.h"

namespace pinion {

void UnknownCall::Await(grpc::AsyncGenericService& service, IoThread& io) {
  UnknownCall* call = new UnknownCall(service, io);  // Deletes itself.
  service.RequestCall(&call->context_, &call->stream_, io.queue(), io.queue(),
                      static_cast<IoEvent*>(call));
}

UnknownCall::UnknownCall(grpc::AsyncGenericService& service, IoThread& io)
    : service_(service), io_(io), stream_(&context_) {}

void UnknownCall::OnEvent(bool ok) {
  if (ok && !arrived_) {
    arrived_ = true;
    io_.CallOpened(*this);
    Await(service_, io_);
    Answer();
    return;
  }
  if (arrived_) io_.CallClosed(*this);
  delete this;
}

void UnknownCall::Answer() {
  v1::Failure failure;
  failure.set_reason(v1::REASON_NO_SUCH_METHOD);
  failure.set_executed(v1::EXECUTED_NO);
  AddFailureTrailers(failure, context_);
  const absl::Status status = absl::UnimplementedError(absl::StrCat(
      "this server hosts no method ",
      absl::CHexEscape(absl::string_view(context_.method()).substr(0, 256))));
  stream_.Finish(ToGrpcStatus(status, failure), static_cast<IoEvent*>(this));
}

}  // namespace pinion
