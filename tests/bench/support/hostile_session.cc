// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/hostile_session.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/slice.h>

#include <utility>

namespace pinion::bench {
namespace {

std::shared_ptr<grpc::Channel> OwnConnection(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

}  // namespace

HostileSession::HostileSession(const std::string& address, Reads reads,
                               Next next)
    : HostileSession(OwnConnection(address), reads, std::move(next)) {}

HostileSession::HostileSession(const std::shared_ptr<grpc::Channel>& channel,
                               Reads reads, Next next, const char* method)
    : reads_(reads), next_(std::move(next)), stub_(channel) {
  stub_.PrepareBidiStreamingCall(&context_, method, grpc::StubOptions(), this);
  Write();
  if (reads != Reads::kNothing) StartRead(&incoming_);
  StartCall();
}

HostileSession::~HostileSession() {
  context_.TryCancel();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return end_.has_value(); });
}

std::optional<grpc::StatusCode> HostileSession::end() {
  std::unique_lock lock(mutex_);
  return end_;
}

void HostileSession::Write() {
  const std::optional<std::string> message = next_();
  if (!message.has_value()) return;
  const grpc::Slice slice(*message);
  outgoing_ = grpc::ByteBuffer(&slice, 1);
  StartWrite(&outgoing_);
}

void HostileSession::OnWriteDone(bool ok) {
  if (ok) Write();
}

void HostileSession::OnReadDone(bool ok) {
  if (ok && reads_ == Reads::kAll) StartRead(&incoming_);
}

void HostileSession::OnDone(const grpc::Status& status) {
  std::unique_lock lock(mutex_);
  end_ = status.error_code();
  changed_.notify_all();
}

}  // namespace pinion::bench
