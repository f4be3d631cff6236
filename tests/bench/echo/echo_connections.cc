// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/echo/echo_connections.h"

#include <grpcpp/create_channel.h>

#include <chrono>

namespace pinion::bench {
namespace {

constexpr int kConnections = 4;
constexpr std::chrono::seconds kLongestConnect(10);

}  // namespace

EchoConnections::EchoConnections(const ChildProcess& server) : server_(server) {
  for (int i = 0; i < kConnections; ++i) {
    grpc::ChannelArguments arguments;
    // Else all channels would share one connection.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel = grpc::CreateCustomChannel(
        server.address(), grpc::InsecureChannelCredentials(), arguments);
    channel->WaitForConnected(std::chrono::system_clock::now() +
                              kLongestConnect);
    stubs_.push_back(echo::v1::EchoService::NewStub(channel));
  }
}

}  // namespace pinion::bench
