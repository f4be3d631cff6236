// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/hostile_call.h"

#include <grpcpp/support/slice.h>

#include <chrono>

namespace pinion::bench {
namespace {

// A server that takes longer answers nobody.
constexpr std::chrono::seconds kLongestWait(10);

}  // namespace

HostileCall::HostileCall(const std::shared_ptr<grpc::Channel>& channel,
                         const std::string& method, const std::string& request,
                         Reads reads)
    : stub_(channel) {
  const grpc::Slice slice(request);
  outgoing_ = grpc::ByteBuffer(&slice, 1);
  stub_.PrepareBidiStreamingCall(&context_, method, grpc::StubOptions(), this);
  StartWriteLast(&outgoing_, grpc::WriteOptions());
  if (reads == Reads::kFirst) StartRead(&incoming_);
  StartCall();
}

HostileCall::~HostileCall() {
  context_.TryCancel();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_; });
}

void HostileCall::AwaitFirst() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kLongestWait, [&] { return read_ || done_; });
}

void HostileCall::OnReadDone(bool) {
  std::unique_lock lock(mutex_);
  read_ = true;
  changed_.notify_all();
}

void HostileCall::OnDone(const grpc::Status&) {
  std::unique_lock lock(mutex_);
  done_ = true;
  changed_.notify_all();
}

}  // namespace pinion::bench
