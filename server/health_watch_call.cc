// SPDX-License-Identifier: Apache-2.0
#include "server/health_watch_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "server/health_bytes.h"

namespace pinion {

void HealthWatches::TellChange() {
  if (!changed_.exchange(true, std::memory_order_acq_rel)) io_.Deliver(this);
}

void HealthWatches::OnDelivered() {
  changed_.exchange(false, std::memory_order_acq_rel);
  for (HealthWatchCall* call : open_) call->Advance();
}

void HealthWatchCall::Await(HealthWatches& watches) {
  auto* call = new HealthWatchCall(watches);  // Deletes itself.
  // The notice comes only if a call does.
  call->context_.AsyncNotifyWhenDone(static_cast<IoEvent*>(&call->over_event_));
  watches.service_.AwaitStream(watches.method_, &call->context_, &call->buffer_,
                               &call->writer_, watches.io_.queue(),
                               static_cast<IoEvent*>(call));
}

HealthWatchCall::HealthWatchCall(HealthWatches& watches)
    : watches_(watches), over_event_(*this), writer_(&context_) {}

void HealthWatchCall::OnEvent(bool ok) {
  switch (step_) {
    case Step::kAwaiting:
      if (ok) {
        Await(watches_);
        Arrive();
      } else {
        delete this;  // The server shuts down; no call will come.
      }
      break;
    case Step::kWriting:
      // If the write failed, the notice that the call is over says so, too.
      step_ = Step::kIdle;
      Advance();
      break;
    case Step::kFinishing:
      step_ = Step::kFinished;
      DeleteWhenDone();
      break;
    case Step::kIdle:
    case Step::kFinished:
      PINION_CHECK(false, "an idle watch has no operation under way");
  }
}

void HealthWatchCall::OnOver() {
  over_ = true;
  Advance();
  DeleteWhenDone();
}

void HealthWatchCall::OnStop() {
  stopping_ = true;
  Advance();
}

void HealthWatchCall::Arrive() {
  step_ = Step::kIdle;
  watches_.io_.CallOpened(*this);
  std::optional<std::string> name = TakeHealthRequest(buffer_);
  if (!name.has_value()) {
    Finish(BadHealthRequest());
    return;
  }
  if (watches_.open_.size() == HealthWatches::kMost) {
    Finish(grpc::Status(
        grpc::StatusCode::RESOURCE_EXHAUSTED,
        absl::StrCat("this I/O thread already holds ", HealthWatches::kMost,
                     " watches; end one, or call Check")));
    return;
  }
  watches_.open_.push_back(this);
  if (watches_.health_.Of(*name) != HealthStatus::kServiceUnknown) {
    name_ = std::move(name);
  }
  stopping_ = watches_.io_.no_more_time();
  Advance();
}

void HealthWatchCall::Advance() {
  if (step_ != Step::kIdle) return;
  const HealthStatus now = Now();
  if (over_) {
    Finish(grpc::Status::CANCELLED);  // For gRPC's order; nobody hears it.
  } else if (now != told_) {
    Write(now);
  } else if (stopping_) {
    Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE,
                        "the server is stopping; watch another"));
  }
}

void HealthWatchCall::Write(HealthStatus status) {
  step_ = Step::kWriting;
  told_ = status;
  writer_.Write(HealthResponse(status), static_cast<IoEvent*>(this));
}

void HealthWatchCall::Finish(const grpc::Status& status) {
  step_ = Step::kFinishing;
  writer_.Finish(status, static_cast<IoEvent*>(this));
}

void HealthWatchCall::DeleteWhenDone() {
  if (step_ != Step::kFinished || !over_) return;
  std::erase(watches_.open_, this);
  watches_.io_.CallClosed(*this);
  delete this;
}

HealthStatus HealthWatchCall::Now() const {
  return name_.has_value() ? watches_.health_.Of(*name_)
                           : HealthStatus::kServiceUnknown;
}

}  // namespace pinion
