// SPDX-License-Identifier: Apache-2.0
//
// InProcessServer: a whole server in the test's process, and a client for it.
//
// Threads: the test's thread builds, starts and stops it. Any thread may call.
// Life:    the client uses an in-process channel, and begins no call on it once
//          the server stops. Nothing protects a channel() that you take
//          yourself.
// Example: InProcessServer test([](Server& server) {
//            server.Host<Counter>("shop.v1.CounterService")
//                .On("Add", &Counter::Add);
//          });
//          EXPECT_EQ(test.client().Call(kAdd, request)->value(), 1);
#ifndef PINION_SERVER_TESTING_IN_PROCESS_SERVER_H_
#define PINION_SERVER_TESTING_IN_PROCESS_SERVER_H_

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pinion/client/channel_guard.h"
#include "pinion/client/client.h"
#include "pinion/server/internal/manual_run.h"
#include "pinion/server/server.h"
#include "pinion/server/testing/pending_call.h"
#include "pinion/server/testing/pending_stream.h"

namespace pinion::testing {

// Options of a client for tests: unary calls, without retries.
inline ClientOptions TestClient() {
  return {.unary = true, .retry = {.max_attempts = 1}};
}

struct InProcessOptions {
  HostingOptions hosting = {.workers = 2};
  // Its `listen` is ignored: the server listens on a free port of 127.0.0.1.
  ListenOptions listen = {};
  // `guard` is ignored: the client has the server's.
  ClientOptions client = TestClient();
};

class InProcessServer {
 public:
  // Hosts the services that `host` hosts, and starts. Ends the program if the
  // start fails.
  explicit InProcessServer(absl::FunctionRef<void(Server& server)> host,
                           InProcessOptions options = {});
  // Does not start: host services on server(), and then call Start().
  explicit InProcessServer(InProcessOptions options,
                           std::optional<ManualRun> manual = std::nullopt);
  ~InProcessServer();  // Calls Stop() first.
  InProcessServer(const InProcessServer&) = delete;
  InProcessServer& operator=(const InProcessServer&) = delete;

  absl::Status Start();

  // Stops the server as SIGTERM would, and returns what Server::Stop() returns.
  // Clients' calls fail from then on. Waits for the end of each client()'s
  // Stream(): read it until then, or destroy it before. (A PendingStream does
  // both by itself.)
  absl::Status Stop();

  // Makes the clients begin no further calls, so that the server can stop.
  void CloseChannel() { guard_->Close(); }

  Server& server() { return *server_; }
  Client& client() { return *client_; }

  // Starts a call and does not wait. `answered`, if given, runs on one of
  // gRPC's threads when the answer has arrived.
  template <typename Request, typename Response>
  PendingCall<Response> Begin(const Method<Request, Response>& method,
                              const Request& request,
                              const CallOptions& options = {},
                              std::function<void()> answered = {}) {
    const PendingCall<Response> call(method.name());
    client().Start(method, request, options,
                   [call, answered = std::move(answered)](
                       absl::StatusOr<Response> answer) {
                     call.Answer(std::move(answer));
                     if (answered) answered();
                   });
    return call;
  }

  // Opens a server stream. `came`, if given, runs on one of gRPC's threads when
  // a message has come, or the end.
  template <typename Request, typename Response>
  PendingStream<Response> BeginStream(
      const StreamMethod<Request, Response>& method, const Request& request,
      const CallOptions& options = {},
      std::function<void(bool end)> came = {}) {
    return PendingStream<Response>(method.name(),
                                   client().Stream(method, request, options),
                                   std::move(came));
  }

  // Another client. Destroy it before the server.
  std::unique_ptr<Client> NewClient(ClientOptions options);

  // For generated stubs. Do not begin a call on it after the server has
  // stopped: gRPC 1.51 would crash.
  std::shared_ptr<grpc::Channel> channel() {
    return server_->InProcessChannel();
  }
  const std::shared_ptr<ChannelGuard>& guard() const { return guard_; }

 private:
  const InProcessOptions options_;
  const std::unique_ptr<Server> server_;
  const std::shared_ptr<ChannelGuard> guard_ = std::make_shared<ChannelGuard>();
  std::unique_ptr<Client> client_;  // From Start().
};

}  // namespace pinion::testing

#endif  // PINION_SERVER_TESTING_IN_PROCESS_SERVER_H_
