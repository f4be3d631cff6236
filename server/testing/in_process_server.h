// SPDX-License-Identifier: Apache-2.0
//
// InProcessServer: a whole server in the test's process, and a client of it.
//
// Threads: the test's thread builds, starts and stops it; anyone may call.
// Life:    the client's calls come over an in-process channel, and are kept off
//          it once the server stops. A channel() of its own is not.
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
#include "client/channel_guard.h"
#include "client/client.h"
#include "server/manual_run.h"
#include "server/server.h"
#include "server/testing/pending_call.h"

namespace pinion::testing {

// A client for tests: a call is a unary call, tried once.
inline ClientOptions TestClient() {
  return {.unary = true, .retry = {.most_attempts = 1}};
}

struct InProcessOptions {
  // What is listened on is a free port of 127.0.0.1, whatever this says.
  ServerOptions server = {.workers = 2};
  // The guard is the server's.
  ClientOptions client = TestClient();
};

class InProcessServer {
 public:
  // Hosts what `host` hosts, and starts; ends the program if it cannot.
  explicit InProcessServer(absl::FunctionRef<void(Server& server)> host,
                           InProcessOptions options = {});
  // To be started by Start(), when services are hosted on server().
  explicit InProcessServer(InProcessOptions options,
                           std::optional<ManualRun> manual = std::nullopt);
  ~InProcessServer();  // Stops first.
  InProcessServer(const InProcessServer&) = delete;
  InProcessServer& operator=(const InProcessServer&) = delete;

  absl::Status Start();

  // Stops the server, as it would upon SIGTERM; what Server::Stop() says. Calls
  // of clients fail from then on.
  absl::Status Stop();

  // Has the clients begin no call any more, so that the server may stop.
  void CloseChannel() { guard_->Close(); }

  Server& server() { return server_; }
  Client& client() { return *client_; }

  // Begins a call, and waits for nothing. `answered`, if given, is called when
  // the answer is there, on a thread of gRPC's.
  template <typename Request, typename Response>
  PendingCall<Response> Begin(const Method<Request, Response>& method,
                              const Request& request,
                              const CallOptions& options = {},
                              std::function<void()> answered = {}) {
    PendingCall<Response> call;
    client().Start(method, request, options,
                   [call, answered = std::move(answered)](
                       absl::StatusOr<Response> answer) {
                     call.Answer(std::move(answer));
                     if (answered) answered();
                   });
    return call;
  }

  // Another client, which must go before the server does.
  std::unique_ptr<Client> NewClient(ClientOptions options);

  // For generated stubs. No call may be begun on it once the server stops: gRPC
  // 1.51 would crash.
  std::shared_ptr<grpc::Channel> channel() {
    return server_.InProcessChannel();
  }
  const std::shared_ptr<ChannelGuard>& guard() const { return guard_; }

 private:
  const InProcessOptions options_;
  Server server_;
  const std::shared_ptr<ChannelGuard> guard_ = std::make_shared<ChannelGuard>();
  std::unique_ptr<Client> client_;  // From Start().
};

}  // namespace pinion::testing

#endif  // PINION_SERVER_TESTING_IN_PROCESS_SERVER_H_
