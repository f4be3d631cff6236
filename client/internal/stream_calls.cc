// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/stream_calls.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "pinion/client/internal/callback_scope.h"
#include "pinion/client/internal/rpc_parts.h"

namespace pinion::client_internal {

StreamCalls::StreamCalls(Connect connect, const ClientOptions& options)
    : connect_(std::move(connect)), options_(options), token_(options) {}

StreamCalls::~StreamCalls() { Close(); }

std::shared_ptr<StreamCall> StreamCalls::Start(absl::string_view method,
                                               absl::string_view request,
                                               const CallOptions& options) {
  auto call = std::make_shared<StreamCall>();
  auto context = std::make_unique<grpc::ClientContext>();
  ApplyOptions(options, absl::Now() + options.timeout,
               options_.call_credentials, *context);
  if (absl::Status status = token_.AddTo(options, *context); !status.ok()) {
    call->Refuse(std::move(status));
    return call;
  }
  const ChannelSource* source = nullptr;
  grpc::GenericStub* stub = nullptr;
  {
    MutexLock lock(mutex_);
    if (closed_) {
      call->Refuse(TakesNoCalls());
      return call;
    }
    if (stub_ == nullptr) {
      source_ = std::make_unique<const ChannelSource>(connect_());
      stub_ = std::make_unique<grpc::GenericStub>(source_->channel());
    }
    source = source_.get();
    stub = stub_.get();  // gRPC allows any thread to use it.
    open_.insert(call);
  }
  if (!call->Begin(*stub, std::string(method), request, std::move(context),
                   options_.guard, *source, *this)) {
    call->Refuse(
        absl::UnavailableError("the server of this channel has stopped"));
    Ended(*call);
  }
  return call;
}

void StreamCalls::Ended(StreamCall& call) {
  MutexLock lock(mutex_);
  open_.erase(call.shared_from_this());
  changed_.NotifyAll();
}

void StreamCalls::Close() {
  CallbackScope::AbortIfWithin(static_cast<StreamCall::Owner*>(this));
  MutexLock lock(mutex_);
  closed_ = true;
  for (const auto& call : open_) call->Cancel();
  while (!open_.empty()) changed_.Wait(mutex_);
}

}  // namespace pinion::client_internal
