// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/unary_calls.h"

#include <grpcpp/support/slice.h>

#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "pinion/client/failure.h"
#include "pinion/client/internal/callback_scope.h"
#include "pinion/proto/wire/priority_name.h"
#include "pinion/proto/wire/status_details.h"

namespace pinion::client_internal {
namespace {

grpc::ByteBuffer ToByteBuffer(absl::string_view bytes) {
  const grpc::Slice slice(bytes.data(), bytes.size());
  return grpc::ByteBuffer(&slice, 1);
}

absl::Status ToAbslStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
  const std::string details = status.error_details();
  const auto failure = FailureFromStatusDetails(details);
  if (failure.has_value()) result = Failed(std::move(result), *failure);
  AddDetails(details, result);
  return result;
}

// Whether the call may have failed on its way, and not at the server.
bool IsOfNetwork(const absl::Status& status) {
  return (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) &&
         !FailureOf(status).has_value();
}

// What the handler sent along, and the timing, which Pinion did.
void ReadTrailers(const grpc::ClientContext& context, Reply& reply) {
  for (const auto& [name, value] : context.GetServerTrailingMetadata()) {
    const absl::string_view key(name.data(), name.size());
    if (key == "pinion-timing-bin") {
      v1::Timing timing;
      if (timing.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
        reply.timing = std::move(timing);
      }
    } else if (!absl::StartsWith(key, "pinion-") &&
               !absl::StartsWith(key, "grpc-")) {
      reply.trailing.emplace_back(std::string(key),
                                  std::string(value.data(), value.size()));
    }
  }
}

absl::Status ClientGone() {
  return Failed(absl::CancelledError("the client goes; it takes no calls"),
                v1::REASON_CANCELLED, v1::EXECUTED_NO);
}

}  // namespace

UnaryCalls::UnaryCalls(const ChannelSource& source,
                       const ClientOptions& options, int link)
    : source_(source),
      options_(options),
      link_(link),
      stub_(source_.channel()),
      budget_(options.retry) {}

UnaryCalls::~UnaryCalls() { Close(); }

CallId UnaryCalls::Start(absl::string_view method, absl::string_view request,
                         const CallOptions& options, DoneFunction done) {
  auto made = std::make_unique<UnaryCall>();
  UnaryCall& call = *made;
  call.method = std::string(method);
  call.request = ToByteBuffer(request);
  call.options = options;
  call.deadline = absl::Now() + options.timeout;
  call.done = std::move(done);
  CallId id;
  {
    MutexLock lock(mutex_);
    if (!closed_) {
      call.id = ++last_id_;
      id = {link_, call.id, 0};
      calls_.emplace(call.id, std::move(made));
    }
  }
  if (made != nullptr) {
    call.done({.status = ClientGone()});
  } else {
    Begin(call);
  }
  return id;
}

void UnaryCalls::Begin(UnaryCall& call) {
  auto context = std::make_unique<grpc::ClientContext>();
  grpc::ClientContext* const begun = context.get();
  Apply(call, *begun);
  {
    MutexLock lock(mutex_);
    ++call.attempts;
    call.context = std::move(context);
    if (call.cancelled) begun->TryCancel();
  }
  const auto begin = [&] {
    stub_.UnaryCall(begun, call.method, grpc::StubOptions(), &call.request,
                    &call.response, [this, &call](const grpc::Status& status) {
                      if (options_.guard != nullptr) options_.guard->End();
                      Ended(call, status);
                    });
  };
  if (options_.guard == nullptr) {
    begin();
  } else if (!options_.guard->Begin(begin)) {
    Finish(call, {.status = absl::UnavailableError(
                      "the server of this channel has stopped")});
  }
}

void UnaryCalls::Apply(const UnaryCall& call,
                       grpc::ClientContext& context) const {
  if (call.deadline < absl::InfiniteFuture()) {
    context.set_deadline(absl::ToChronoTime(call.deadline));
  }
  if (options_.call_credentials != nullptr) {
    context.set_credentials(options_.call_credentials);
  }
  const CallOptions& options = call.options;
  if (options.worker.has_value()) {
    context.AddMetadata("pinion-worker", absl::StrCat(*options.worker));
  }
  if (options.priority != v1::PRIORITY_UNSPECIFIED) {
    context.AddMetadata("pinion-priority",
                        std::string(PriorityName(options.priority)));
  }
  if (options.want_timing) context.AddMetadata("pinion-timing", "1");
  for (const auto& [name, value] : options.metadata) {
    context.AddMetadata(name, value);
  }
}

void UnaryCalls::Ended(UnaryCall& call, const grpc::Status& status) {
  Reply reply;
  grpc::Slice response;
  reply.status = ToAbslStatus(status);
  if (IsOfNetwork(reply.status)) reply.status = source_.Explained(reply.status);
  if (reply.status.ok()) {
    call.response.DumpToSingleSlice(&response);
    reply.response = absl::string_view(
        reinterpret_cast<const char*>(response.begin()), response.size());
  }
  ReadTrailers(*call.context, reply);
  {
    MutexLock lock(mutex_);
    if (reply.status.ok()) {
      budget_.Succeeded(1);
    } else if (Retry(call, reply.status)) {
      return;
    }
  }
  Finish(call, reply);
}

bool UnaryCalls::Retry(UnaryCall& call, const absl::Status& status) {
  const auto failure = FailureOf(status);
  if (call.cancelled || !failure.has_value()) return false;
  const auto backoff = budget_.BackoffBefore(
      call.attempts, *failure,
      absl::ToChronoNanoseconds(call.deadline - absl::Now()));
  if (!backoff.has_value()) return false;
  call.context = nullptr;
  call.response.Clear();
  call.refusal = status;
  call.backoff = std::make_unique<grpc::Alarm>();
  call.backoff->Set(
      std::chrono::system_clock::now() +
          std::chrono::duration_cast<std::chrono::system_clock::duration>(
              *backoff),
      [this, &call](bool ok) { Rested(call, ok); });
  return true;
}

void UnaryCalls::Rested(UnaryCall& call, bool ok) {
  if (ok) {
    Begin(call);
  } else {
    Finish(call,
           {.status = Failed(absl::CancelledError("the call was cancelled"),
                             v1::REASON_CANCELLED, v1::EXECUTED_NO)});
  }
}

void UnaryCalls::Cancel(CallId id) {
  MutexLock lock(mutex_);
  const auto found = calls_.find(id.slot);
  if (found != calls_.end()) TryCancel(*found->second);
}

void UnaryCalls::TryCancel(UnaryCall& call) {
  if (std::exchange(call.cancelled, true)) return;
  if (call.context != nullptr) {
    call.context->TryCancel();
  } else if (call.backoff != nullptr) {
    call.backoff->Cancel();
  }
}

void UnaryCalls::Finish(UnaryCall& call, const Reply& reply) {
  {
    const CallbackScope scope(this);
    call.done(reply);
    call.done = nullptr;  // What it holds goes before the client may.
  }
  std::unique_ptr<UnaryCall> over;
  MutexLock lock(mutex_);
  over = std::move(calls_.extract(call.id).mapped());
  over = nullptr;
  if (closed_) changed_.NotifyAll();
}

void UnaryCalls::Close() {
  CallbackScope::AbortIfWithin(this);
  MutexLock lock(mutex_);
  closed_ = true;
  for (const auto& [id, call] : calls_) TryCancel(*call);
  while (!calls_.empty()) changed_.Wait(mutex_);
}

}  // namespace pinion::client_internal
