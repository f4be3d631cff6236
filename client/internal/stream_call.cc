// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/stream_call.h"

#include <grpcpp/support/slice.h>

#include <utility>

#include "pinion/client/internal/callback_scope.h"
#include "pinion/client/internal/rpc_parts.h"
#include "pinion/core/base/check.h"

namespace pinion::client_internal {

bool StreamCall::Begin(grpc::GenericStub& stub, const std::string& method,
                       absl::string_view request,
                       std::unique_ptr<grpc::ClientContext> context,
                       const std::shared_ptr<ChannelGuard>& guard,
                       const ChannelSource& source, Owner& owner) {
  request_ = ToByteBuffer(request);
  const auto begin = [&] {
    grpc::ClientContext* const begun = context.get();
    {
      MutexLock lock(mutex_);
      context_ = std::move(context);
      guard_ = guard;
      source_ = &source;
      owner_ = &owner;
      reading_ = true;
    }
    stub.PrepareBidiStreamingCall(begun, method, grpc::StubOptions(), this);
    AddHold();  // For reads that readers begin, until there are no more.
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&incoming_);
    StartCall();
  };
  if (guard != nullptr) return guard->Begin(begin);
  begin();
  return true;
}

void StreamCall::Refuse(absl::Status status) {
  MutexLock lock(mutex_);
  end_.status = std::move(status);
  ended_ = true;
}

void StreamCall::StartNext(NextFunction done) {
  // On another thread `done` may destroy the reader before this returns.
  const std::shared_ptr<StreamCall> self = shared_from_this();
  {
    MutexLock lock(mutex_);
    PINION_CHECK(next_ == nullptr,
                 "a stream was asked for its next message twice at a time");
    next_ = std::move(done);
  }
  Deliver();
}

void StreamCall::Cancel() {
  bool last_read = false;
  {
    MutexLock lock(mutex_);
    if (ended_ || std::exchange(cancelled_, true)) return;
    message_.reset();
    // A read that is under way is the last, and fails.
    last_read = !reading_ && !std::exchange(reads_ended_, true);
    if (context_ != nullptr) context_->TryCancel();
  }
  if (last_read) RemoveHold();
}

void StreamCall::Fail(absl::Status status) {
  {
    MutexLock lock(mutex_);
    if (ended_) {
      end_.status = std::move(status);
    } else {
      fault_ = std::move(status);
    }
  }
  Cancel();
}

void StreamCall::OnReadDone(bool ok) {
  bool last_read = false;
  {
    MutexLock lock(mutex_);
    reading_ = false;
    if (ok && !cancelled_) {
      message_.emplace().Swap(&incoming_);
    } else {
      reads_ended_ = last_read = true;
    }
  }
  if (last_read) {
    RemoveHold();  // The end may come now.
  } else {
    Deliver();
  }
}

void StreamCall::OnDone(const grpc::Status& status) {
  // A thread that delivers may notify the owner before this returns.
  const std::shared_ptr<StreamCall> self = shared_from_this();
  std::unique_ptr<grpc::ClientContext> context;
  std::shared_ptr<ChannelGuard> guard;
  const ChannelSource* source = nullptr;
  {
    MutexLock lock(mutex_);
    context = std::move(context_);
    guard = std::move(guard_);
    source = source_;
  }
  Reply end = ReplyOf(status, *context, *source);
  context = nullptr;
  {
    MutexLock lock(mutex_);
    end_ = std::move(end);
    if (!fault_.ok()) end_.status = fault_;
    ended_ = true;
  }
  if (guard != nullptr) guard->End();
  Deliver();
}

void StreamCall::Deliver() {
  {
    MutexLock lock(mutex_);
    if (std::exchange(delivering_, true)) return;
  }
  while (DeliverOne()) {
  }
}

bool StreamCall::DeliverOne() {
  NextFunction next;
  std::optional<grpc::ByteBuffer> message;
  Owner* owner = nullptr;
  bool reads = false;
  {
    MutexLock lock(mutex_);
    if (next_ != nullptr && (message_.has_value() || ended_)) {
      next = std::exchange(next_, nullptr);
      owner = owner_;
      message.swap(message_);
      reads = reading_ = message.has_value();
    } else {
      delivering_ = false;
      if (ended_) owner = std::exchange(owner_, nullptr);
    }
  }
  if (next == nullptr) {
    if (owner != nullptr) owner->Ended(*this);
    return false;
  }
  if (reads) StartRead(&incoming_);
  const CallbackScope scope(owner);
  if (!message.has_value()) {
    next(std::nullopt);
    return true;
  }
  grpc::Slice bytes;
  if (!message->TrySingleSlice(&bytes).ok()) message->DumpToSingleSlice(&bytes);
  next(absl::string_view(reinterpret_cast<const char*>(bytes.begin()),
                         bytes.size()));
  return true;
}

}  // namespace pinion::client_internal
