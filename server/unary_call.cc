// SPDX-License-Identifier: Apache-2.0
#include "server/unary_call.h"

#include <grpc/support/time.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string>
#include <utility>

#include "server/grpc_status.h"

namespace pinion {
namespace {

// What lies further ahead is as good as never.
constexpr std::chrono::seconds kLongest = std::chrono::hours(24 * 365 * 100);

// How long before its deadline a call may be cut off by gRPC, whose own timer
// says just that it was cancelled.
constexpr std::chrono::milliseconds kTimersDiffer(1);

// When `context`'s call is to be answered at last. gRPC would tell it by the
// system's clock, too, but in nanoseconds that end in the year 2262.
std::optional<Moment> DeadlineOf(const grpc::ServerContext& context,
                                 Moment now) {
  const gpr_timespec deadline = context.raw_deadline();
  const gpr_timespec left =
      gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  const std::chrono::seconds seconds(left.tv_sec);
  if (seconds > kLongest) return std::nullopt;
  return now + std::max(seconds, -kLongest) +
         std::chrono::nanoseconds(left.tv_nsec);
}

}  // namespace

void UnaryCall::Await(const UnaryMethod& method, IoThread& io) {
  UnaryCall* call = new UnaryCall(method, io);  // Ends with its references.
  call->rpc_->context.AsyncNotifyWhenDone(
      static_cast<IoEvent*>(&call->over_event_));
  method.service->AwaitCall(method.index, &call->rpc_->context,
                            &call->rpc_->request, &call->rpc_->writer,
                            io.queue(), static_cast<IoEvent*>(call));
}

UnaryCall::UnaryCall(const UnaryMethod& method, IoThread& io)
    : served_(method), io_(io) {
  this->method = method.method;
  rpc_.emplace();
}

void UnaryCall::OnEvent(bool ok) {
  if (arrived_) {
    answer_left_ = true;  // Or its client has.
    CloseWhenOver();
  } else if (ok) {
    Await(served_, io_);
    Arrive();
  } else {
    // The server shuts down: no call will come, nor word that it is over.
    io_.NoCallComes();
    Unref();
  }
}

void UnaryCall::Arrive() {
  arrived_ = true;
  io_.CallOpened(*this);
  ReadRequest();
  ReadMetadata();
  std::optional<Answer> refusal = served_.door->Enter(
      *served_.lanes,
      {.worker = Wish("pinion-worker"), .priority = Wish("pinion-priority")},
      this);
  if (refusal.has_value()) {
    answer = *std::move(refusal);
    SendAnswer();
    return;
  }
  admitted_ = true;
  if (deadline.has_value()) {
    served_.expirer->Arm(io_.index(), *this, *deadline);
  }
}

void UnaryCall::ReadRequest() {
  if (!rpc_->request.TrySingleSlice(&bytes_).ok()) {
    rpc_->request.DumpToSingleSlice(&bytes_);
  }
  rpc_->request.Clear();
  set_request(absl::string_view(reinterpret_cast<const char*>(bytes_.begin()),
                                bytes_.size()));
}

void UnaryCall::ReadMetadata() {
  deadline = DeadlineOf(rpc_->context, served_.expirer->clock().Now());
  wants_timing = Wish("pinion-timing") == "1";
  if (!method->handler.uses_context) return;
  for (const auto& [name, value] : rpc_->context.client_metadata()) {
    metadata_.emplace_back(std::string(name.data(), name.size()),
                           std::string(value.data(), value.size()));
  }
}

std::optional<absl::string_view> UnaryCall::Wish(const char* name) const {
  const auto [begin, end] = rpc_->context.client_metadata().equal_range(name);
  if (begin == end) return std::nullopt;
  // Of a name that was given twice, no value is right.
  if (std::next(begin) != end) return absl::string_view("given twice");
  return absl::string_view(begin->second.data(), begin->second.size());
}

void UnaryCall::OnDue() {
  Take(Verdict::kExpired);
  Unref();
}

void UnaryCall::OnOver() {
  over_ = true;
  if (admitted_ && rpc_->context.IsCancelled()) {
    const Moment now = served_.expirer->clock().Now();
    const bool expired =
        deadline.has_value() && now + kTimersDiffer >= *deadline;
    Take(expired ? Verdict::kExpired : Verdict::kCancelled);
  }
  CloseWhenOver();
}

void UnaryCall::Take(Verdict verdict) {
  if (admitted_) served_.lanes->Take(*this, verdict);
}

void UnaryCall::OnDelivered() {
  if (deadline.has_value()) served_.expirer->Disarm(io_.index(), *this);
  SendAnswer();
}

void UnaryCall::SendAnswer() {
  // An answer may take long to leave; it need not keep its request, unless a
  // worker still has it.
  if (!fate.taken()) bytes_ = grpc::Slice();
  if (const v1::Timing* timing = answer.timing()) {
    rpc_->context.AddTrailingMetadata("pinion-timing-bin",
                                      timing->SerializeAsString());
  }
  if (answer.rest != nullptr) {
    for (const auto& [name, value] : answer.rest->trailing) {
      rpc_->context.AddTrailingMetadata(name, value);
    }
  }
  if (answer.status.ok()) {
    const grpc::Slice payload = std::move(answer.payload).ToSlice();
    const grpc::ByteBuffer response(&payload, 1);
    rpc_->writer.Finish(response, grpc::Status::OK,
                        static_cast<IoEvent*>(this));
    return;
  }
  AddFailureTrailers(*answer.failure(), rpc_->context);
  rpc_->writer.FinishWithError(ToGrpcStatus(answer.status, *answer.failure()),
                               static_cast<IoEvent*>(this));
}

void UnaryCall::CloseWhenOver() {
  if (!answer_left_ || !over_) return;
  rpc_.reset();
  io_.CallClosed(*this);
  if (inside) served_.door->Leave();
  Unref();
}

}  // namespace pinion
