// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/health/health_watch_call.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/core/clock.h"
#include "pinion/server/health/health_bytes.h"
#include "pinion/server/io/grpc_status.h"

namespace pinion {
namespace {

// A message is a few bytes: who does not take one in this time is not there.
constexpr std::chrono::seconds kWriteTimeout(30);

}  // namespace

void HealthWatches::TellChange() {
  if (!changed_.exchange(true, std::memory_order_acq_rel)) io_.Deliver(this);
}

void HealthWatches::OnDelivered() {
  changed_.exchange(false, std::memory_order_acq_rel);
  for (HealthWatchCall* call : open_) call->outbox_.FlushSoon();
}

void HealthWatchCall::Await(HealthWatches& watches) {
  auto* call = new HealthWatchCall(watches);  // Deletes itself.
  call->outbox_.Expect();
  watches.service_.AwaitStream(watches.method_, &call->outbox_.context(),
                               &call->buffer_, &call->outbox_.stream(),
                               watches.io_.queue(),
                               static_cast<IoEvent*>(call));
}

HealthWatchCall::HealthWatchCall(HealthWatches& watches)
    : watches_(watches), outbox_(watches.io_, *this, Clock(), kWriteTimeout) {}

void HealthWatchCall::OnEvent(bool ok) {
  if (!ok) {
    delete this;  // The server shuts down; no call will come.
    return;
  }
  Await(watches_);
  watches_.io_.CallOpened(*this);
  outbox_.Open();
  guarded_ = watches_.guard_(outbox_.context(), watches_.io_);
  guarded_->Find([this] {
    begun_ = true;
    Begin();
    outbox_.FlushSoon();
  });
  if (watches_.io_.no_more_time()) OnStop();
}

void HealthWatchCall::Begin() {
  if (const auto refusal = guarded_->Refuse(HealthWatches::kPath)) {
    return Refuse(*refusal);
  }
  std::optional<std::string> name = TakeHealthRequest(buffer_);
  if (!name.has_value()) {
    refusal_ = BadHealthRequest();
    return;
  }
  if (watches_.open_.size() == HealthWatches::kMax) {
    refusal_ = grpc::Status(
        grpc::StatusCode::RESOURCE_EXHAUSTED,
        absl::StrCat("this I/O thread already holds ", HealthWatches::kMax,
                     " watches; end one, or call Check"));
    return;
  }
  watches_.open_.push_back(this);
  if (watches_.health_.Of(*name) != HealthStatus::kServiceUnknown) {
    name_ = std::move(name);
  }
}

void HealthWatchCall::Refuse(const Answer& refusal) {
  AddFailureTrailers(*refusal.failure(), outbox_.context());
  refusal_ = ToGrpcStatus(refusal.status, *refusal.failure());
}

void HealthWatchCall::OnPolicyChanged() {
  if (outbox_.finish_begun() || !EndIfOver()) return;
  outbox_.FlushSoon();
}

bool HealthWatchCall::EndIfOver() {
  if (!begun_ || refusal_.has_value() || outbox_.broken()) return false;
  const auto refusal = guarded_->RefuseToGoOn(HealthWatches::kPath);
  if (refusal.has_value()) Refuse(*refusal);
  return refusal.has_value();
}

void HealthWatchCall::OnStop() {
  stopping_ = true;
  outbox_.FlushSoon();
}

std::optional<OutboxOwner::Message> HealthWatchCall::NextMessage() {
  if (!begun_) return std::nullopt;
  const HealthStatus now = Now();
  if (refusal_.has_value() || now == told_ || EndIfOver()) return std::nullopt;
  told_ = now;
  return Message{.bytes = HealthResponse(now)};
}

std::optional<grpc::Status> HealthWatchCall::TryEnd() {
  // For gRPC's order; nobody hears it.
  if (outbox_.broken()) return grpc::Status::CANCELLED;
  if (stopping_ && !refusal_.has_value()) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE,
                        "the server is stopping; watch another");
  }
  return refusal_;
}

void HealthWatchCall::OnClosed() {
  std::erase(watches_.open_, this);
  watches_.io_.CallClosed(*this);
  delete this;
}

HealthStatus HealthWatchCall::Now() const {
  return name_.has_value() ? watches_.health_.Of(*name_)
                           : HealthStatus::kServiceUnknown;
}

}  // namespace pinion
