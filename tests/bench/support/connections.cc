// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/connections.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>

namespace pinion::bench {
namespace {

constexpr int kConnections = 4;
constexpr std::chrono::seconds kLongestConnect(10);

}  // namespace

std::vector<std::shared_ptr<grpc::Channel>> ConnectSeveralTimes(
    const std::string& address, grpc::ChannelArguments arguments) {
  // Else all channels would share one connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < kConnections; ++i) {
    channels.push_back(grpc::CreateCustomChannel(
        address, grpc::InsecureChannelCredentials(), arguments));
    channels.back()->WaitForConnected(std::chrono::system_clock::now() +
                                      kLongestConnect);
  }
  return channels;
}

}  // namespace pinion::bench
