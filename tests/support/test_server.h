// SPDX-License-Identifier: Apache-2.0
//
// TestServer: a real server in the test's process, and clients of it.
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

#include "client/channel_guard.h"
#include "client/client.h"
#include "gtest/gtest.h"
#include "server/server.h"
#include "tests/support/open_call.h"

namespace pinion::testing {

class TestServer {
 public:
  explicit TestServer(ServerOptions options = {})
      : server_(WithFreePort(std::move(options))) {}
  ~TestServer() {
    if (!stop_tried_) Stop();
  }

  // Where services are hosted, before Start().
  Server& server() { return server_; }

  void Start() {
    const absl::Status started = server_.Start();
    ASSERT_TRUE(started.ok()) << started;
    client_ = UnaryClient(InProcessChannel());
  }

  // Stops the server, and finds its account in order. Calls on client() fail
  // from then on; they do not crash.
  void Stop() {
    const absl::Status stopped = TryStop();
    EXPECT_TRUE(stopped.ok()) << stopped;
    if (client_ == nullptr || !stopped.ok()) return;
    const absl::Status at_rest = CheckAtRest(server_.Snapshot());
    EXPECT_TRUE(at_rest.ok()) << at_rest;
  }

  // The same for a stop that may leave a handler behind, for which the server
  // waits when it is destroyed.
  absl::Status TryStop() {
    stop_tried_ = true;
    in_process_->Close();
    server_.Drain();
    in_process_->AwaitCalls();
    return server_.Stop();
  }

  // The in-process client, for unary calls.
  Client& client() { return *client_; }

  // A client that comes over TCP loopback, likewise.
  std::unique_ptr<Client> TcpClient() const {
    return UnaryClient(TcpChannel());
  }

  // A client that makes its calls within sessions.
  static std::unique_ptr<Client> SessionClient(const GuardedChannel& channel) {
    return std::make_unique<Client>(channel.channel,
                                    ClientOptions{.guard = channel.guard});
  }

  // The ways themselves.
  GuardedChannel InProcessChannel() {
    return {server_.InProcessChannel(), in_process_};
  }
  GuardedChannel TcpChannel() const {
    return {grpc::CreateChannel(server_.address(),
                                grpc::InsecureChannelCredentials()),
            nullptr};
  }

 private:
  static std::unique_ptr<Client> UnaryClient(const GuardedChannel& channel) {
    return std::make_unique<Client>(
        channel.channel, ClientOptions{.unary = true, .guard = channel.guard});
  }
  static ServerOptions WithFreePort(ServerOptions options) {
    options.listen = "127.0.0.1:0";
    return options;
  }

  Server server_;
  const std::shared_ptr<ChannelGuard> in_process_ =
      std::make_shared<ChannelGuard>();
  std::unique_ptr<Client> client_;
  bool stop_tried_ = false;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_TEST_SERVER_H_
