// SPDX-License-Identifier: Apache-2.0
//
// Connections: stubs over several connections to one server, since gRPC handles
// the calls of one connection one after the other.
//
// Threads: the owner's alone. Made after all ChildProcesses were started.
// Example: Connections<echo::v1::EchoService> connections(*child);
//          connections.Next().AsyncEcho(...);
#ifndef PINION_TESTS_BENCH_SUPPORT_CONNECTIONS_H_
#define PINION_TESTS_BENCH_SUPPORT_CONNECTIONS_H_

#include <grpcpp/channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "pinion/tests/bench/support/child_process.h"

namespace pinion::bench {

// Channels with a connection each, made with these arguments. Waits until all
// are connected; if that takes too long, it is the calls that fail.
std::vector<std::shared_ptr<grpc::Channel>> ConnectSeveralTimes(
    const std::string& address,
    grpc::ChannelArguments arguments = grpc::ChannelArguments());

// `Service` is what gRPC generates.
template <typename Service>
class Connections {
 public:
  // `server` outlives this.
  explicit Connections(const ChildProcess& server) : server_(server) {
    for (const auto& channel : ConnectSeveralTimes(server.address())) {
      stubs_.push_back(Service::NewStub(channel));
    }
  }

  const ChildProcess& server() const { return server_; }

  // Each in turn.
  typename Service::Stub& Next() { return *stubs_[next_++ % stubs_.size()]; }

 private:
  const ChildProcess& server_;
  std::vector<std::unique_ptr<typename Service::Stub>> stubs_;
  size_t next_ = 0;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_CONNECTIONS_H_
