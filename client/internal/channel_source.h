// SPDX-License-Identifier: Apache-2.0
//
// ChannelSource: the channel of a link, and another one once its connection is
//                dead.
//
// Threads: one at a time; the owner locks it.
// Why:     on a frozen connection a new stream is as dead as the old one, and
//          gRPC keeps a connection as long as its channel exists. So a channel
//          that the client made is replaced; the user's own channel stays.
// Example: ChannelSource source(target, options);
//          Open(source.channel()); ...
//          source.Leave();
//          Open(source.channel());  // Over a connection of its own.
#ifndef PINION_CLIENT_INTERNAL_CHANNEL_SOURCE_H_
#define PINION_CLIENT_INTERNAL_CHANNEL_SOURCE_H_

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "pinion/client/client_options.h"
#include "pinion/client/internal/proxy.h"

namespace pinion::client_internal {

class ChannelSource {
 public:
  // With the user's own channel.
  explicit ChannelSource(std::shared_ptr<grpc::Channel> channel);

  // Makes a channel, with the connection's options; none if there is a
  // mistake().
  ChannelSource(const std::string& target, const ClientOptions& options);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // Why there can never be a connection; OK if there can.
  absl::Status mistake() const;

  // Why a token of these options may not be sent over it; OK if it may.
  absl::Status TokenMistake(const ClientOptions& options) const;

  // `status`, with which a connection could not be had or broke, with what gRPC
  // does not say: which HTTP proxy was asked for it, and how to do without; or
  // that the path of a Unix socket is something else.
  absl::Status Explained(const absl::Status& status) const;

  // Call it when the connection of channel() is dead. Replaces the channel if
  // this made it.
  void Leave();

 private:
  // Reads the files, if connections are encrypted with them. What is there
  // stays if they are wrong.
  absl::Status ReadTls();

  // Fixed at construction.
  std::string target_;
  std::optional<Proxy> proxy_;
  std::optional<ClientTls> tls_;
  absl::Status tls_mistake_;

  // Null if the channel is the user's.
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
  grpc::ChannelArguments arguments_;

  std::shared_ptr<grpc::Channel> channel_;
  // The previous channel. When the last channel with calls is destroyed, gRPC
  // 1.51 joins the threads that ran those calls, and Leave() may run on one of
  // these threads. So this channel stays at least until the next one has had
  // calls.
  std::shared_ptr<grpc::Channel> left_;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_CHANNEL_SOURCE_H_
