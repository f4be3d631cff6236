// SPDX-License-Identifier: Apache-2.0
#include "client/client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "client/mutex.h"

namespace pinion {
namespace {

using client_internal::CondVar;
using client_internal::Mutex;
using client_internal::MutexLock;

// A channel of gRPC's that could not connect rests for a second and up, during
// which each stream on it fails at once. The client rests by itself.
constexpr int kFirstReconnectMillis = 100;
constexpr int kLongestReconnectMillis = 1000;

// How much of a stream may be on its way, always: what gRPC would find by
// probing, 64 KiB on a fast network, is one full message of answers, after
// which the server would wait.
constexpr int kLookaheadBytes = 1 << 20;

// A request up to this size is serialized where it will lie.
constexpr size_t kSmallRequest = 4096;

std::vector<std::shared_ptr<grpc::Channel>> MakeChannels(
    const std::string& target, const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   kFirstReconnectMillis);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestReconnectMillis);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kLookaheadBytes);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const auto credentials = options.credentials != nullptr
                               ? options.credentials
                               : grpc::InsecureChannelCredentials();
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  const int count = options.unary ? 1 : options.sessions;
  for (int i = 0; i < std::max(1, count); ++i) {
    channels.push_back(
        grpc::CreateCustomChannel(target, credentials, arguments));
  }
  return channels;
}

}  // namespace

std::unique_ptr<Client> Client::Connect(const std::string& target,
                                        const ClientOptions& options) {
  const bool valid = client_internal::CheckClientOptions(options).ok();
  return std::unique_ptr<Client>(new Client(
      MakeChannels(target, valid ? options : ClientOptions()), options));
}

Client::Client(std::shared_ptr<grpc::Channel> channel,
               const ClientOptions& options)
    : Client(std::vector<std::shared_ptr<grpc::Channel>>{std::move(channel)},
             options) {}

Client::Client(std::vector<std::shared_ptr<grpc::Channel>> channels,
               const ClientOptions& options)
    : mistake_(client_internal::CheckClientOptions(options)) {
  if (!mistake_.ok()) return;
  if (options.unary) {
    unary_ =
        std::make_unique<client_internal::UnaryCalls>(channels[0], options, 0);
    return;
  }
  places_ = std::make_unique<client_internal::KeyPlaces>(options.sessions);
  for (int i = 0; i < options.sessions; ++i) {
    links_.push_back(std::make_unique<client_internal::SessionLink>(
        channels[i % channels.size()], options, i));
  }
}

Client::~Client() = default;

absl::Status Client::Check(const CallOptions& options) const {
  if (!mistake_.ok()) return mistake_;
  return client_internal::CheckCallOptions(options);
}

CallId Client::StartRaw(absl::string_view method, absl::string_view request,
                        const CallOptions& options, DoneFunction done) {
  if (absl::Status valid = Check(options); !valid.ok()) {
    done({.status = std::move(valid)});
    return {};
  }
  if (unary_ != nullptr) {
    return unary_->Start(method, request, options, std::move(done));
  }
  return links_[places_->Of(method, request)]->Start(
      method, request.size(),
      [&](std::string& payload) {
        payload.assign(request.data(), request.size());
      },
      options, std::move(done));
}

CallId Client::StartMessage(absl::string_view method,
                            const google::protobuf::Message& request,
                            const CallOptions& options, DoneFunction&& done) {
  const size_t size = request.ByteSizeLong();
  if (size > kSmallRequest || links_.size() != 1) {
    return StartRaw(method, request.SerializeAsString(), options,
                    std::move(done));
  }
  if (absl::Status valid = Check(options); !valid.ok()) {
    done({.status = std::move(valid)});
    return {};
  }
  return links_[0]->Start(
      method, size,
      [&](std::string& payload) {
        payload.resize(size);
        request.SerializeWithCachedSizesToArray(
            reinterpret_cast<uint8_t*>(payload.data()));
      },
      options, std::move(done));
}

void Client::Await(absl::FunctionRef<void(DoneFunction)> start,
                   absl::FunctionRef<void(const Reply&)> take) {
  Mutex mutex;
  CondVar changed;
  bool answered = false;
  start([&](const Reply& reply) {
    MutexLock lock(mutex);
    take(reply);
    answered = true;
    changed.NotifyAll();
  });
  MutexLock lock(mutex);
  while (!answered) changed.Wait(mutex);
}

RawReply Client::CallRaw(absl::string_view method, absl::string_view request,
                         const CallOptions& options) {
  RawReply result;
  Await(
      [&](DoneFunction done) {
        StartRaw(method, request, options, std::move(done));
      },
      [&](const Reply& reply) {
        if (reply.status.ok()) {
          result.response = std::string(reply.response);
        } else {
          result.response = reply.status;
        }
        result.timing = reply.timing;
        result.trailing = reply.trailing;
      });
  return result;
}

void Client::Cancel(CallId id) {
  if (id.place < 0) return;
  if (unary_ != nullptr) {
    unary_->Cancel(id);
  } else {
    links_[id.place]->Cancel(id);
  }
}

}  // namespace pinion
