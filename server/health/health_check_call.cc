// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/health/health_check_call.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/health_message.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/health/health_bytes.h"
#include "pinion/server/io/grpc_status.h"

namespace pinion {

void HealthCheckCall::Await(const Health& health, RawService& service,
                            int method, const CallGuard& guard, IoThread& io) {
  auto* call = new HealthCheckCall(health, service, method, guard, io);
  // It deletes itself.
  service.AwaitCall(method, &call->context_, &call->buffer_, &call->writer_,
                    io.queue(), static_cast<IoEvent*>(call));
}

HealthCheckCall::HealthCheckCall(const Health& health, RawService& service,
                                 int method, const CallGuard& guard,
                                 IoThread& io)
    : health_(health),
      service_(service),
      method_(method),
      guard_(guard),
      io_(io),
      writer_(&context_) {}

void HealthCheckCall::OnEvent(bool ok) {
  if (ok && !arrived_) {
    arrived_ = true;
    io_.CallOpened(*this);
    Await(health_, service_, method_, guard_, io_);
    Begin();
    return;
  }
  if (arrived_) {
    io_.patience().End(*this);
    io_.CallClosed(*this);
  }
  delete this;
}

void HealthCheckCall::Begin() {
  io_.patience().Begin(*this);
  guarded_ = guard_(context_, io_);
  guarded_->Find([this] { Answer(); });
}

void HealthCheckCall::Answer() {
  IoEvent* const tag = this;
  if (const auto refusal = guarded_->Refuse(kPath)) {
    AddFailureTrailers(*refusal->failure(), context_);
    writer_.FinishWithError(ToGrpcStatus(refusal->status, *refusal->failure()),
                            tag);
    return;
  }
  const std::optional<std::string> name = TakeHealthRequest(buffer_);
  if (!name.has_value()) {
    writer_.FinishWithError(BadHealthRequest(), tag);
    return;
  }
  const HealthStatus status = health_.Of(*name);
  if (status == HealthStatus::kServiceUnknown) {
    writer_.FinishWithError(grpc::Status(grpc::StatusCode::NOT_FOUND,
                                         absl::StrCat("nothing here is named ",
                                                      Quoted(*name, 256))),
                            tag);
    return;
  }
  writer_.Finish(HealthResponse(status), grpc::Status::OK, tag);
}

}  // namespace pinion
