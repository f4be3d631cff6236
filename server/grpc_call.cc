// SPDX-License-Identifier: Apache-2.0
#include "server/grpc_call.h"

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

std::optional<absl::string_view> WishOf(const grpc::ServerContext& context,
                                        const char* name) {
  const auto [begin, end] = context.client_metadata().equal_range(name);
  if (begin == end) return std::nullopt;
  // Of a name that was given twice, no value is right.
  if (std::next(begin) != end) return absl::string_view("given twice");
  return absl::string_view(begin->second.data(), begin->second.size());
}

}  // namespace

GrpcCall::GrpcCall(const GrpcMethod& method, IoThread& io)
    : served_(method), io_(io) {
  this->method = method.method;
}

std::optional<Answer> GrpcCall::Arrive(const grpc::ServerContext& context,
                                       grpc::ByteBuffer& request) {
  io_.CallOpened(*this);
  ReadRequest(request);
  ReadMetadata(context);
  std::optional<Answer> refusal =
      served_.door->Enter(*served_.lanes,
                          {.worker = WishOf(context, "pinion-worker"),
                           .priority = WishOf(context, "pinion-priority")},
                          this);
  if (refusal.has_value()) return refusal;
  admitted_ = true;
  if (deadline.has_value()) {
    served_.expirer->Arm(io_.index(), *this, *deadline);
  }
  return std::nullopt;
}

void GrpcCall::ReadRequest(grpc::ByteBuffer& request) {
  if (!request.TrySingleSlice(&bytes_).ok()) {
    request.DumpToSingleSlice(&bytes_);
  }
  request.Clear();
  set_request(absl::string_view(reinterpret_cast<const char*>(bytes_.begin()),
                                bytes_.size()));
}

void GrpcCall::ReadMetadata(const grpc::ServerContext& context) {
  deadline = DeadlineOf(context, served_.expirer->clock().Now());
  wants_timing = WishOf(context, "pinion-timing") == "1";
  if (!method->handler.uses_context) return;
  for (const auto& [name, value] : context.client_metadata()) {
    metadata_.emplace_back(std::string(name.data(), name.size()),
                           std::string(value.data(), value.size()));
  }
}

void GrpcCall::OnDue() {
  Take(Verdict::kExpired);
  Unref();
}

void GrpcCall::Take(Verdict verdict) {
  if (admitted_) served_.lanes->Take(*this, verdict);
}

void GrpcCall::TakeBack() {
  const Moment now = served_.expirer->clock().Now();
  const bool expired = deadline.has_value() && now + kTimersDiffer >= *deadline;
  Take(expired ? Verdict::kExpired : Verdict::kCancelled);
}

void GrpcCall::DisarmDeadline() {
  if (deadline.has_value()) served_.expirer->Disarm(io_.index(), *this);
}

grpc::Status GrpcCall::EndOf(const Answer& answer,
                             grpc::ServerContext& context) const {
  if (const v1::Timing* timing = answer.timing()) {
    context.AddTrailingMetadata("pinion-timing-bin",
                                timing->SerializeAsString());
  }
  if (answer.rest != nullptr) {
    for (const auto& [name, value] : answer.rest->trailing) {
      context.AddTrailingMetadata(name, value);
    }
  }
  if (answer.status.ok()) return grpc::Status::OK;
  AddFailureTrailers(*answer.failure(), context);
  return ToGrpcStatus(answer.status, *answer.failure());
}

void GrpcCall::Close() {
  io_.CallClosed(*this);
  if (inside) served_.door->Leave();
  Unref();
}

}  // namespace pinion
