// SPDX-License-Identifier: Apache-2.0
//
// TestServer: the testing kit's InProcessServer, with what our own tests ask of
// it beside: TCP, and an account that is in order.
//
// Threads: the test's thread builds, starts and stops it; anyone may call.
// Example: TestServer test({.workers = 1});
//          kv::HostKv(test.server());
//          test.Start();
//          test.client().Call<v1::PutResponse>(kPut, request);
#ifndef PINION_TESTS_SUPPORT_TEST_SERVER_H_
#define PINION_TESTS_SUPPORT_TEST_SERVER_H_

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <utility>

#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/server/server.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing/in_process_server.h"
#include "pinion/tests/support/open_call.h"

namespace pinion::testing {

// Each channel has a connection of its own. The client's windows stay as they
// begin, 64 KiB: on a fast machine gRPC would let them grow until whole answers
// are out that nobody reads.
inline GuardedChannel TcpChannelTo(const Server& server) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return {grpc::CreateCustomChannel(
              server.address(), grpc::InsecureChannelCredentials(), arguments),
          nullptr};
}

class TestServer {
 public:
  explicit TestServer(HostingOptions options = {}, ListenOptions listen = {})
      : in_process_({.hosting = std::move(options),
                     .listen = std::move(listen),
                     .client = kUnary}) {}
  ~TestServer() {
    if (!stop_tried_) Stop();
  }

  // Where services are hosted, before Start().
  Server& server() { return in_process_.server(); }

  void Start() {
    const absl::Status started = in_process_.Start();
    ASSERT_TRUE(started.ok()) << started;
    started_ = true;
  }

  // Stops the server, and finds its account in order. Calls on client() fail
  // from then on; they do not crash.
  void Stop() {
    const absl::Status stopped = TryStop();
    EXPECT_TRUE(stopped.ok()) << stopped;
    if (!started_ || !stopped.ok()) return;
    const absl::Status at_rest = CheckAtRest(server().Snapshot());
    EXPECT_TRUE(at_rest.ok()) << at_rest;
  }

  // The same for a stop that may leave a handler behind, for which the server
  // waits when it is destroyed.
  absl::Status TryStop() {
    stop_tried_ = true;
    return in_process_.Stop();
  }

  // The in-process client, for unary calls.
  Client& client() { return in_process_.client(); }

  // A client that comes over TCP loopback, likewise.
  std::unique_ptr<Client> TcpClient() {
    return std::make_unique<Client>(TcpChannel().channel, kUnary);
  }

  // A client that makes its calls within sessions.
  static std::unique_ptr<Client> SessionClient(const GuardedChannel& channel) {
    return std::make_unique<Client>(channel.channel,
                                    ClientOptions{.guard = channel.guard});
  }

  // The ways themselves.
  GuardedChannel InProcessChannel() {
    return {in_process_.channel(), in_process_.guard()};
  }
  GuardedChannel TcpChannel() { return TcpChannelTo(server()); }

 private:
  static inline const ClientOptions kUnary = {.unary = true};

  InProcessServer in_process_;
  bool started_ = false;
  bool stop_tried_ = false;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_TEST_SERVER_H_
