// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/rpc/grpc_call.h"

#include <grpc/support/time.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "pinion/server/call/metadata_meter.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/door/requested_route.h"
#include "pinion/server/io/grpc_status.h"

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

std::optional<absl::string_view> MetadataValue(
    const grpc::ServerContext& context, const char* name) {
  const auto [begin, end] = context.client_metadata().equal_range(name);
  if (begin == end) return std::nullopt;
  // Of a name that was given twice, no value is right.
  if (std::next(begin) != end) return absl::string_view("given twice");
  return absl::string_view(begin->second.data(), begin->second.size());
}

// gRPC 1.51 calls a peer within the process "unknown".
bool HasConnection(absl::string_view peer) {
  return absl::StartsWith(peer, "ipv4:") || absl::StartsWith(peer, "ipv6:") ||
         absl::StartsWith(peer, "unix");
}

}  // namespace

GrpcCall::GrpcCall(const GrpcMethod& method, IoThread& io)
    : host_(method), io_(io) {
  served = method.served;
}

std::optional<Answer> GrpcCall::Arrive(const grpc::ServerContext& context,
                                       grpc::ByteBuffer& request) {
  io_.CallOpened(*this);
  const std::string peer = context.peer();
  has_connection_ = HasConnection(peer);
  party_ = host_.door->parties().OfConnection(peer);
  std::optional<Answer> refusal = RefuseAtOnce(context, request);
  if (refusal.has_value()) {
    // Its answer may take long to leave, and nothing counts what it holds.
    request.Clear();
    served->lanes->CountRefused(*this, refusal->failure()->reason());
    return refusal;
  }
  ReadRequest(request);
  ReadMetadata(context);
  refusal = Enter(context);
  if (refusal.has_value()) {
    LetGoOfRequest();
  } else if (deadline.has_value()) {
    host_.expirer->Arm(io_.index(), *this, *deadline);
  }
  return refusal;
}

std::optional<Answer> GrpcCall::Enter(const grpc::ServerContext& context) {
  const absl::StatusOr<RequestedRoute> requested = ParseRequestedRoute(
      MetadataValue(context, "pinion-worker"),
      MetadataValue(context, "pinion-priority"), host_.door->workers());
  if (requested.ok()) return host_.door->Enter(*requested, this);
  served->lanes->CountRefused(*this, v1::REASON_BAD_REQUEST);
  return refusals::BadRequest(requested.status());
}

std::optional<Answer> GrpcCall::RefuseAtOnce(const grpc::ServerContext& context,
                                             const grpc::ByteBuffer& request) {
  if (party_ != nullptr && !party_->OpenCall()) {
    return refusals::TooManyOpenCalls(Party::kMaxOpenCalls);
  }
  const MetadataMeter metadata = MeterOf(context);
  if (metadata.has_too_much()) return refusals::TooMuchMetadata();
  metadata_bytes_ = static_cast<uint32_t>(metadata.bytes());
  // gRPC's own bound is the builder's, which may be the user's.
  if (request.Length() > host_.max_request_bytes) {
    return refusals::RequestTooLarge(request.Length(), host_.max_request_bytes);
  }
  return std::nullopt;
}

void GrpcCall::ReadRequest(grpc::ByteBuffer& request) {
  // Always a copy. A slice of gRPC's may be a few bytes of what a connection
  // was read into, 64 KiB, which would all be held and counted nowhere.
  request.DumpToSingleSlice(&bytes_);
  request.Clear();
  set_request(absl::string_view(reinterpret_cast<const char*>(bytes_.begin()),
                                bytes_.size()));
}

void GrpcCall::ReadMetadata(const grpc::ServerContext& context) {
  deadline = DeadlineOf(context, host_.expirer->clock().Now());
  wants_timing = MetadataValue(context, "pinion-timing") == "1";
  if (!method().handler.uses_context) return;
  for (const auto& [name, value] : context.client_metadata()) {
    metadata_.emplace_back(std::string(name.data(), name.size()),
                           std::string(value.data(), value.size()));
  }
}

void GrpcCall::OnDue() {
  Revoke(RevokeReason::kExpired);
  Unref();
}

void GrpcCall::Revoke(RevokeReason reason) {
  if (admitted) served->lanes->Revoke(*this, reason);
}

void GrpcCall::RevokeForClient() {
  const Moment now = host_.expirer->clock().Now();
  const bool expired = deadline.has_value() && now + kTimersDiffer >= *deadline;
  Revoke(expired ? RevokeReason::kExpired : RevokeReason::kCancelled);
}

void GrpcCall::DisarmDeadline() {
  if (deadline.has_value()) host_.expirer->Disarm(io_.index(), *this);
}

grpc::Status GrpcCall::StatusWithTrailers(const Answer& answer,
                                          grpc::ServerContext& context) const {
  if (const v1::Timing* timing = answer.timing()) {
    context.AddTrailingMetadata("pinion-timing-bin",
                                timing->SerializeAsString());
  }
  if (answer.extras != nullptr) {
    for (const auto& [name, value] : answer.extras->trailing) {
      context.AddTrailingMetadata(name, value);
    }
  }
  if (answer.status.ok()) return grpc::Status::OK;
  AddFailureTrailers(*answer.failure(), context);
  return ToGrpcStatus(answer.status, *answer.failure(),
                      answer.extras->trailing);
}

void GrpcCall::Close() {
  io_.CallClosed(*this);
  if (party_ != nullptr) party_->CloseCall();
  // Before it leaves: the thread that sees it leave sees this.
  if (has_connection_) io_.NoteAnswered();
  if (inside) host_.door->Leave();
  Unref();
}

}  // namespace pinion
