// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/unary_calls.h"

#include <grpcpp/support/slice.h>

#include <chrono>
#include <utility>

#include "absl/time/clock.h"
#include "pinion/client/failure.h"
#include "pinion/client/internal/callback_scope.h"
#include "pinion/client/internal/rpc_parts.h"

namespace pinion::client_internal {

UnaryCalls::UnaryCalls(const ChannelSource& source,
                       const ClientOptions& options, int link)
    : source_(source),
      options_(options),
      token_(options),
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
    call.done({.status = TakesNoCalls()});
  } else {
    Begin(call);
  }
  return id;
}

void UnaryCalls::Begin(UnaryCall& call) {
  auto context = std::make_unique<grpc::ClientContext>();
  grpc::ClientContext* const begun = context.get();
  ApplyOptions(call.options, call.deadline, options_.call_credentials, *begun);
  if (absl::Status status = token_.AddTo(call.options, *begun); !status.ok()) {
    return Finish(call, {.status = std::move(status)});
  }
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

void UnaryCalls::Ended(UnaryCall& call, const grpc::Status& status) {
  Reply reply = ReplyOf(status, *call.context, source_);
  grpc::Slice response;
  if (reply.status.ok()) {
    call.response.DumpToSingleSlice(&response);
    reply.response = absl::string_view(
        reinterpret_cast<const char*>(response.begin()), response.size());
  }
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
  if (failure.has_value() && failure->reason() == v1::REASON_UNAUTHENTICATED) {
    token_.Refused();
  }
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
