// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/channel_source.h"

#include <grpcpp/create_channel.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/client/internal/tls_credentials.h"
#include "pinion/client/internal/token_target.h"
#include "pinion/client/internal/unix_target.h"

namespace pinion::client_internal {
namespace {

// A channel of gRPC's that could not connect rests for a second and up, during
// which each stream on it fails at once. The client rests by itself.
constexpr int kFirstReconnectMillis = 100;
constexpr int kLongestReconnectMillis = 1000;

// How much of a stream may be on its way, always: what gRPC would find by
// probing, 64 KiB on a fast network, is one full message of answers, after
// which the server would wait.
constexpr int kLookaheadBytes = 1 << 20;

// As gRPC takes it: INT_MAX is never.
int Millis(absl::Duration span) {
  return static_cast<int>(std::clamp<int64_t>(
      absl::ToInt64Milliseconds(span), 1, std::numeric_limits<int>::max()));
}

grpc::ChannelArguments ArgumentsOf(const std::string& target,
                                   const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  // A proxy knows another machine by these names.
  if (IsOnThisMachine(target)) {
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  }
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   kFirstReconnectMillis);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestReconnectMillis);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kLookaheadBytes);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  // With calls (or a session) open, gRPC then asks at most twice without
  // sending data between, which no server takes for abuse; and the kernel gives
  // up a connection on which bytes lie unsent for that timeout.
  if (options.keepalive_time < absl::InfiniteDuration()) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS,
                     Millis(options.keepalive_time));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                     Millis(options.keepalive_timeout));
  }
  return arguments;
}

}  // namespace

ChannelSource::ChannelSource(std::shared_ptr<grpc::Channel> channel)
    : channel_(std::move(channel)) {}

ChannelSource::ChannelSource(const std::string& target,
                             const ClientOptions& options)
    : target_(target),
      proxy_(FindProxy(target)),
      tls_(options.tls),
      credentials_(options.credentials != nullptr
                       ? options.credentials
                       : grpc::InsecureChannelCredentials()),
      arguments_(ArgumentsOf(target, options)) {
  tls_mistake_ = ReadTls();
  if (tls_.has_value() && !tls_->server_name.empty()) {
    arguments_.SetSslTargetNameOverride(tls_->server_name);
  }
  // gRPC would log what a mistake already says.
  if (mistake().ok()) {
    channel_ = grpc::CreateCustomChannel(target_, credentials_, arguments_);
  }
}

absl::Status ChannelSource::ReadTls() {
  if (!tls_.has_value()) return absl::OkStatus();
  auto credentials = TlsCredentialsOf(*tls_);
  if (!credentials.ok()) return credentials.status();
  credentials_ = *std::move(credentials);
  return absl::OkStatus();
}

absl::Status ChannelSource::mistake() const {
  const bool is_given_a_channel = credentials_ == nullptr;
  if (target_.empty() && !is_given_a_channel) {
    return absl::InvalidArgumentError(
        "the target is empty; give a HOST:PORT or unix:PATH");
  }
  if (!tls_mistake_.ok()) return tls_mistake_;
  return CheckUnixTarget(target_);
}

absl::Status ChannelSource::TokenMistake(const ClientOptions& options) const {
  if (options.token_source == nullptr) return absl::OkStatus();
  if (credentials_ != nullptr) {
    if (MayCarryToken(target_, Encrypts(options))) return absl::OkStatus();
    return TokenInClear(target_);
  }
  if (options.guard != nullptr) return absl::OkStatus();  // In this process.
  return absl::InvalidArgumentError(
      "ClientOptions::token_source is for Connect(), which knows whether the "
      "connection is encrypted; with a channel of your own, set "
      "call_credentials");
}

absl::Status ChannelSource::Explained(const absl::Status& status) const {
  if (!proxy_.has_value()) {
    const std::string why = WhyNoSocket(target_);
    if (why.empty()) return status;
    return absl::Status(status.code(),
                        absl::StrCat(status.message(), " (", why, ")"));
  }
  return absl::Status(
      status.code(),
      absl::StrCat(status.message(), " (by way of the HTTP proxy ",
                   proxy_->address, ", which ", proxy_->variable,
                   " names; set no_proxy=", proxy_->host,
                   " to connect without it)"));
}

void ChannelSource::Leave() {
  if (credentials_ == nullptr) return;
  // A certificate may have been replaced. If the files are wrong, those of
  // before may still be accepted.
  ReadTls().IgnoreError();
  left_ = std::exchange(
      channel_, grpc::CreateCustomChannel(target_, credentials_, arguments_));
}

}  // namespace pinion::client_internal
