// SPDX-License-Identifier: Apache-2.0
//
// ListeningServer: a Hosting with a listener of its own, which is what a Server
//                  consists of.
//
// Threads: as Server says of its functions (server/server.h), which these are.
// Example: ListeningServer server({.listen = "127.0.0.1:0"},
//                                 std::make_unique<Hosting>(options));
//          absl::Status status = server.Start();
#ifndef PINION_SERVER_HOSTING_LISTENING_SERVER_H_
#define PINION_SERVER_HOSTING_LISTENING_SERVER_H_

#include <grpcpp/server.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "pinion/server/hosting.h"
#include "pinion/server/listener/accept_loop.h"
#include "pinion/server/options.h"
#include "pinion/server/snapshot.h"

namespace pinion::internal {

class ListeningServer {
 public:
  ListeningServer(ListenOptions options, std::unique_ptr<Hosting> hosting);
  ~ListeningServer();  // Stops first.
  ListeningServer(const ListeningServer&) = delete;
  ListeningServer& operator=(const ListeningServer&) = delete;

  absl::Status Start();
  absl::Status Stop();
  ServerSnapshot Snapshot() const;
  std::shared_ptr<grpc::Channel> InProcessChannel();

  const std::string& address() const { return address_; }
  Hosting& hosting() { return *hosting_; }
  const Hosting& hosting() const { return *hosting_; }

 private:
  const ListenOptions options_;
  const std::unique_ptr<Hosting> hosting_;
  std::shared_ptr<grpc::Server> grpc_server_;
  std::unique_ptr<AcceptLoop> accept_loop_;  // Once started.
  // The same, for Snapshot(), which any thread may call while Start() runs.
  std::atomic<AcceptLoop*> counted_{nullptr};
  std::string address_;
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_HOSTING_LISTENING_SERVER_H_
