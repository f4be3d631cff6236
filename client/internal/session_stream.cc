// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/session_stream.h"

#include <grpc/slice.h>

#include <algorithm>
#include <chrono>

#include "absl/base/optimization.h"
#include "pinion/client/internal/end_status.h"
#include "pinion/client/internal/session_link.h"
#include "pinion/proto/wire/session_call.h"
#include "pinion/proto/wire/session_protocol.h"

namespace pinion::client_internal {
namespace {

// From its arrival at the server; 0 would be the server's default.
uint64_t TimeoutMicros(SteadyTime deadline, SteadyTime now) {
  if (deadline == kNever) return 0;
  const auto left =
      std::chrono::duration_cast<std::chrono::microseconds>(deadline - now);
  return static_cast<uint64_t>(std::max<int64_t>(1, left.count()));
}

absl::string_view ViewOf(const grpc::Slice& slice) {
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

bool IsPlain(const ClientCall& call) {
  return call.extras == nullptr && !call.want_timing &&
         call.priority == v1::PRIORITY_UNSPECIFIED;
}

uint8_t* WriteFullCall(const ClientCall& call, uint64_t timeout_us,
                       std::vector<MetadataView>& metadata, uint8_t* at) {
  OutgoingCall outgoing = {.id = call.slot,
                           .payload = call.payload.view(),
                           .timeout_us = timeout_us,
                           .priority = static_cast<v1::Priority>(call.priority),
                           .want_timing = call.want_timing,
                           .method_index = call.method};
  if (call.extras != nullptr) {
    metadata.clear();
    for (const auto& [name, value] : call.extras->metadata) {
      metadata.push_back({name, value});
    }
    outgoing.method = call.extras->method_name;
    outgoing.worker = call.extras->worker;
    outgoing.metadata = metadata;
  }
  return WriteCall(outgoing, at);
}

// Mostly calls that follow one another have the same deadline and method.
uint8_t* WriteCalls(const std::vector<const ClientCall*>& calls, uint8_t* at) {
  const SteadyTime now = std::chrono::steady_clock::now();
  SteadyTime deadline = kNever;
  uint64_t timeout_us = 0;
  uint32_t method = 0;
  PlainCallEnd end(timeout_us, method);
  std::vector<MetadataView> metadata;
  for (const ClientCall* call : calls) {
    if (call->deadline != deadline || call->method != method) {
      deadline = call->deadline;
      timeout_us = TimeoutMicros(deadline, now);
      method = call->method;
      end = PlainCallEnd(timeout_us, method);
    }
    at = ABSL_PREDICT_TRUE(IsPlain(*call))
             ? WritePlainCall(call->slot, call->payload.view(), end, at)
             : WriteFullCall(*call, timeout_us, metadata, at);
  }
  return at;
}

}  // namespace

void SessionStream::Message::Clear() {
  head.clear();
  cancels.clear();
  calls.clear();
  max_bytes = 0;
  ends_writes = false;
}

void SessionStream::Begin(const ClientOptions& options, ClientToken& token) {
  if (const absl::Status status = token.AddTo({}, context_); !status.ok()) {
    OnDone({grpc::StatusCode::UNAUTHENTICATED, std::string(status.message())});
    return;
  }
  if (options.call_credentials != nullptr) {
    context_.set_credentials(options.call_credentials);
  }
  guard_ = options.guard;
  const auto begin = [&] {
    stub_.PrepareBidiStreamingCall(&context_, session_protocol::kOpenPath,
                                   grpc::StubOptions(), this);
    AddHold();  // Until nothing can be begun on other threads.
    StartRead(&incoming_);
    StartCall();
  };
  if (guard_ == nullptr) {
    begin();
  } else if (!guard_->Begin(begin)) {
    guard_ = nullptr;
    link_.ServerHasStopped(*this);
    OnDone({grpc::StatusCode::UNAVAILABLE, "the server has stopped"});
  }
}

void SessionStream::Write() {
  if (message_.ends_writes) {
    StartWritesDone();
    link_.Started(*this);
    return;
  }
  grpc_slice room = grpc_slice_malloc(message_.max_bytes);
  uint8_t* const begin = GRPC_SLICE_START_PTR(room);
  uint8_t* at = std::copy(message_.head.begin(), message_.head.end(), begin);
  at = WriteCancels(message_.cancels, at);
  at = WriteCalls(message_.calls, at);
  GRPC_SLICE_SET_LENGTH(room, at - begin);
  const grpc::Slice slice(room, grpc::Slice::STEAL_REF);
  outgoing_ = grpc::ByteBuffer(&slice, 1);
  read_.store(message_.number, std::memory_order_release);
  StartWrite(&outgoing_);
  link_.Started(*this);
}

void SessionStream::OnReadDone(bool ok) {
  if (!ok) {
    link_.ReadsEnded(*this);
    return;
  }
  heard_at_.store(kNever, std::memory_order_relaxed);  // Until it reads on.
  GiveAnswers();
  heard_at_.store(std::chrono::steady_clock::now(), std::memory_order_relaxed);
  StartRead(&incoming_);
}

void SessionStream::GiveAnswers() {
  grpc::Slice bytes;
  if (!incoming_.TrySingleSlice(&bytes).ok()) {
    slices_.clear();
    pieces_.clear();
    incoming_.Dump(&slices_);
    for (const grpc::Slice& slice : slices_) pieces_.push_back(ViewOf(slice));
    if (parts_.Split(pieces_)) {
      incoming_.Clear();
      link_.Answered(*this, parts_.parts());
      slices_.clear();
      return;
    }
    incoming_.DumpToSingleSlice(&bytes);
    slices_.clear();
  }
  incoming_.Clear();
  const absl::string_view whole = ViewOf(bytes);
  link_.Answered(*this, {&whole, 1});
}

void SessionStream::OnWriteDone(bool) {
  // That the writing thread is done with the message follows from gRPC's locks;
  // with this it follows from ours, too.
  read_.load(std::memory_order_acquire);
  link_.Written(*this);
}

void SessionStream::OnDone(const grpc::Status& status) {
  const std::shared_ptr<ChannelGuard> guard = std::move(guard_);
  SessionLink& link = link_;
  link.StreamEnded(*this, EndStatus(status));
  delete this;
  if (guard != nullptr) guard->End();
  link.StreamGone();
}

}  // namespace pinion::client_internal
