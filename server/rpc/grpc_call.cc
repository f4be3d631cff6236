// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/rpc/grpc_call.h"

#include <grpc/support/time.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "pinion/server/call/metadata_meter.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/door/plain_caller.h"
#include "pinion/server/door/requested_route.h"
#include "pinion/server/door/rights.h"
#include "pinion/server/io/grpc_status.h"
#include "pinion/server/tracing/trace_headers.h"

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
                                 const Clock& clock) {
  const gpr_timespec deadline = context.raw_deadline();
  if (deadline.tv_sec == std::numeric_limits<int64_t>::max()) {
    return std::nullopt;  // None was given; it would take two clocks to know.
  }
  const Moment now = clock.Now();
  const gpr_timespec left =
      gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  const std::chrono::seconds seconds(left.tv_sec);
  if (seconds > kLongest) return std::nullopt;
  return now + std::max(seconds, -kLongest) +
         std::chrono::nanoseconds(left.tv_nsec);
}

// gRPC 1.51 calls a peer within the process "unknown".
bool HasConnection(absl::string_view peer) {
  return absl::StartsWith(peer, "ipv4:") || absl::StartsWith(peer, "ipv6:") ||
         absl::StartsWith(peer, "unix");
}

}  // namespace

// The metadata that asks something of Pinion.
struct GrpcCall::Asked {
  std::optional<absl::string_view> worker;
  std::optional<absl::string_view> priority;
  std::optional<absl::string_view> timing;

  // One pass over what is mostly one entry; three look-ups cost more.
  explicit Asked(const grpc::ServerContext& context) {
    for (const auto& [name, value] : context.client_metadata()) {
      auto* const asked = FieldOf({name.data(), name.size()});
      if (asked == nullptr) continue;
      // Of a name that was given twice, no value is right.
      *asked = asked->has_value()
                   ? absl::string_view("given twice")
                   : absl::string_view(value.data(), value.size());
    }
  }

 private:
  std::optional<absl::string_view>* FieldOf(absl::string_view name) {
    if (!absl::ConsumePrefix(&name, "pinion-")) return nullptr;
    if (name == "worker") return &worker;
    if (name == "priority") return &priority;
    return name == "timing" ? &timing : nullptr;
  }
};

GrpcCall::GrpcCall(const GrpcMethod& method, IoThread& io)
    : host_(method), io_(io) {
  served = method.served;
}

void GrpcCall::Arrive(const grpc::ServerContext& context,
                      grpc::ByteBuffer& request) {
  io_.CallOpened(*this);
  const std::string peer = context.peer();
  has_connection_ = HasConnection(peer);
  connection_ = host_.door->parties().OfConnection(peer);
  party_ = connection_;
  std::optional<Answer> refusal = RefuseAtOnce();
  // Nobody learns from a mistake which methods there are.
  std::optional<Answer> mistake = RefuseSize(context, request);
  if (!refusal.has_value()) refusal = FindCaller(context, peer);
  if (!refusal.has_value() && awaited_ == nullptr) {
    refusal = RefuseCaller(context);
    if (!refusal.has_value()) refusal = std::exchange(mistake, std::nullopt);
  }
  if (refusal.has_value()) {
    // Its answer may take long to leave, and nothing counts what it holds.
    request.Clear();
    return Refuse(*std::move(refusal));
  }
  if (mistake.has_value()) {
    mistake_ = std::make_unique<Answer>(*std::move(mistake));
    request.Clear();
  } else {
    ReadRequest(request);
  }
  const Asked asked(context);
  ReadMetadata(context, asked);
  if (awaited_ == nullptr) return EnterNow(context, asked);
  refusal = BeginToWait();
  if (refusal.has_value()) Refuse(*std::move(refusal));
}

void GrpcCall::Refuse(Answer refusal) {
  EndToWait();
  LetGoOfRequest();
  served->lanes->CountRefused(*this, refusal.failure()->reason());
  OnEntered(std::move(refusal));
}

void GrpcCall::EnterNow(const grpc::ServerContext& context,
                        const Asked& asked) {
  std::optional<Answer> refusal = Enter(context, asked);
  if (refusal.has_value()) {
    LetGoOfRequest();
  } else if (const Deadline at = due(); at.has_value()) {
    armed_ = true;
    host_.expirer->Arm(io_.index(), *this, *at);
  }
  OnEntered(std::move(refusal));
}

std::optional<Answer> GrpcCall::FindCaller(const grpc::ServerContext& context,
                                           absl::string_view peer) {
  Callers* const callers = host_.door->callers();
  if (callers == nullptr) return std::nullopt;
  absl::StatusOr<SharedIdentity> base = callers->OfConnection(context, peer);
  if (!base.ok()) return refusals::NotAuthenticated(base.status());
  const auto authorization = callers->AuthorizationOf(context);
  if (!authorization.has_value()) {
    return TakeCaller({.identity = *std::move(base)});
  }
  std::optional<Caller> caller =
      callers->Judge(*base, *authorization, [&]() -> Callers::Done {
        awaited_ = std::make_shared<GrpcCall*>(this);
        return [&io = io_, &context, awaited = awaited_](Caller later) {
          io.Post([&context, awaited, later = std::move(later)]() mutable {
            if (*awaited != nullptr) {
              (*awaited)->OnVerdict(context, std::move(later));
            }
          });
        };
      });
  if (!caller.has_value()) return std::nullopt;
  EndToWait();
  return TakeCaller(*std::move(caller));
}

std::optional<Answer> GrpcCall::TakeCaller(Caller caller) {
  if (absl::IsResourceExhausted(caller.status)) {
    return refusals::TokenNotChecked(std::move(caller.status),
                                     caller.retry_after);
  }
  if (absl::IsUnavailable(caller.status)) return refusals::ServerStopping();
  if (!caller.status.ok()) {
    return refusals::NotAuthenticated(std::move(caller.status));
  }
  absl::Status over =
      Callers::WhyOver(*caller.identity, host_.door->callers()->wall_clock());
  if (!over.ok()) return refusals::NotAuthenticated(std::move(over));
  identity_ = std::move(caller.identity);
  if (const Principal* const principal = identity_->party()) {
    party_ = host_.door->parties().OfPrincipal(principal->ToString());
  }
  return std::nullopt;
}

std::optional<Answer> GrpcCall::BeginToWait() {
  const int64_t bytes = own_bytes();
  Holding* const holding =
      connection_ != nullptr ? &connection_->held() : nullptr;
  if (credit().Reserve(0, bytes, holding) != Credit::Grant::kGranted) {
    return refusals::TokenNotChecked(
        absl::ResourceExhaustedError(
            "the server has no room to keep the call while its token is "
            "checked; retry later"),
        std::chrono::milliseconds(10));
  }
  waiting_bytes_ = bytes;
  if (deadline.has_value()) {
    expires_awaiting_ = armed_ = true;
    host_.expirer->Arm(io_.index(), *this, *deadline);
  }
  return std::nullopt;
}

void GrpcCall::EndToWait() {
  if (awaited_ == nullptr) return;
  *awaited_ = nullptr;
  awaited_ = nullptr;
  if (waiting_bytes_ == 0) return;
  Holding* const holding =
      connection_ != nullptr ? &connection_->held() : nullptr;
  credit().Return(0, std::exchange(waiting_bytes_, 0), holding);
}

void GrpcCall::OnVerdict(const grpc::ServerContext& context, Caller caller) {
  if (expires_awaiting_) {
    // Too late: OnExpiredAwaiting() is on its way.
    if (!host_.expirer->Disarm(io_.index(), *this)) return;
    expires_awaiting_ = armed_ = false;
  }
  EndToWait();
  std::optional<Answer> refusal = TakeCaller(std::move(caller));
  if (!refusal.has_value()) refusal = RefuseCaller(context);
  if (!refusal.has_value() && mistake_ != nullptr) {
    refusal = std::move(*mistake_);
  }
  if (refusal.has_value()) return Refuse(*std::move(refusal));
  EnterNow(context, Asked(context));
}

void GrpcCall::OnExpiredAwaiting() {
  expires_awaiting_ = armed_ = false;
  Refuse(refusals::ExpiredAtCheck());
}

std::optional<Answer> GrpcCall::Enter(const grpc::ServerContext& context,
                                      const Asked& asked) {
  const absl::StatusOr<RequestedRoute> requested =
      ParseRequestedRoute(asked.worker, asked.priority, host_.door->workers());
  if (!requested.ok()) {
    served->lanes->CountRefused(*this, v1::REASON_BAD_REQUEST);
    return refusals::BadRequest(requested.status());
  }
  // Not before: strangers would fill the queue of spans.
  if (Tracer* const tracer = host_.door->tracer()) {
    BeginTrace(context, *tracer);
  }
  std::optional<Answer> refusal =
      host_.door->Enter(*requested, this, limited_.get());
  if (refusal.has_value()) EndTraceRefused(*refusal);
  return refusal;
}

std::optional<Answer> GrpcCall::RefuseCaller(
    const grpc::ServerContext& context) {
  FrontDoor& door = *host_.door;
  if (!door.has_rules()) return std::nullopt;
  Rights rights(door);
  rights.Take(identity_);
  const auto headers = [&](absl::string_view name) {
    return HeaderOf(context, name);
  };
  if (!rights.MayCall(*served, headers)) return refusals::NotAllowed();
  if (rights.limited() == nullptr) return std::nullopt;
  limited_ = rights.limited();
  PartyLimits& limits = door.limits();
  if (connection_ != nullptr &&
      !connection_->CountConnection(limits, limited_)) {
    return refusals::TooManyOfParty("connections",
                                    limits.most(LimitedParty::kConnections));
  }
  if (!method().handler.streams) return std::nullopt;
  auto open = limits.Open(limited_, LimitedParty::kStreams);
  if (!open.has_value()) {
    return refusals::TooManyOfParty("server streams",
                                    limits.most(LimitedParty::kStreams));
  }
  open_stream_ = *std::move(open);
  return std::nullopt;
}

bool GrpcCall::MayGoOn(const grpc::ServerContext& context) const {
  Rights rights(*host_.door);
  rights.Take(identity_);
  return rights.WouldMayCall(method().path, [&](absl::string_view name) {
    return HeaderOf(context, name);
  });
}

std::optional<Answer> GrpcCall::RefuseAtOnce() {
  if (connection_ != nullptr && !connection_->OpenCall()) {
    return refusals::TooManyOpenCalls(Party::kMaxOpenCalls);
  }
  return std::nullopt;
}

std::optional<Answer> GrpcCall::RefuseSize(const grpc::ServerContext& context,
                                           const grpc::ByteBuffer& request) {
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
  grpc::Slice whole;
  if (request.TrySingleSlice(&whole).ok()) {
    bytes_ = grpc::Slice(whole.begin(), whole.size());
  } else {
    request.DumpToSingleSlice(&bytes_);
  }
  request.Clear();
  set_request(absl::string_view(reinterpret_cast<const char*>(bytes_.begin()),
                                bytes_.size()));
}

void GrpcCall::ReadMetadata(const grpc::ServerContext& context,
                            const Asked& asked) {
  deadline = DeadlineOf(context, host_.expirer->clock());
  wants_timing = asked.timing == "1";
  if (!method().handler.uses_context) return;
  for (const auto& [name, value] : context.client_metadata()) {
    metadata_.emplace_back(std::string(name.data(), name.size()),
                           std::string(value.data(), value.size()));
  }
}

void GrpcCall::BeginTrace(const grpc::ServerContext& context, Tracer& tracer) {
  TraceHeaders headers;
  for (const auto& [name, value] : context.client_metadata()) {
    headers.Add({name.data(), name.size()}, {value.data(), value.size()});
  }
  trace_ = tracer.Begin(headers);
  traced = trace_ != nullptr;
}

void GrpcCall::EndTraceRefused(const Answer& refusal) {
  if (!traced) return;
  trace_->EndRefused(method().path, /*in_session=*/false,
                     static_cast<int>(refusal.status.code()));
}

void GrpcCall::OnDue() {
  if (expires_awaiting_) {
    // It has no answer until then, so it and the I/O thread are there.
    io_.Post([this] { OnExpiredAwaiting(); });
  } else if (deadline.has_value() &&
             host_.expirer->clock().Now() >= *deadline) {
    Revoke(RevokeReason::kExpired);
  } else {
    Revoke(RevokeReason::kUnauthenticated);
  }
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
  if (armed_) host_.expirer->Disarm(io_.index(), *this);
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
  open_stream_.Close();
  io_.CallClosed(*this);
  if (connection_ != nullptr) connection_->CloseCall();
  // Before it leaves: the thread that sees it leave sees this.
  if (has_connection_) io_.NoteAnswered();
  if (inside) host_.door->Leave();
  Unref();
}

}  // namespace pinion
