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

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "pinion/server/hosting.h"
#include "pinion/server/listener/accept_loop.h"
#include "pinion/server/log.h"
#include "pinion/server/options.h"
#include "pinion/server/security/tls/listener_tls.h"
#include "pinion/server/snapshot.h"

namespace pinion::internal {

class ListeningServer {
 public:
  ListeningServer(ListenOptions options, std::unique_ptr<Hosting> hosting);
  ~ListeningServer();  // Stops first.
  ListeningServer(const ListeningServer&) = delete;
  ListeningServer& operator=(const ListeningServer&) = delete;

  absl::Status Start();
  absl::Status Reload(const ListenOptions& listen,
                      const HostingOptions& hosting);
  absl::Status Stop();
  ServerSnapshot Snapshot() const;
  std::shared_ptr<grpc::Channel> InProcessChannel();

  const std::string& address() const { return address_; }
  Hosting& hosting() { return *hosting_; }
  const Hosting& hosting() const { return *hosting_; }

 private:
  // A line of the log.
  LogSink Sink();
  // The files of options_.tls, if it encrypts.
  absl::Status OpenTls();
  // What encrypts the listener's connections, or does not.
  std::shared_ptr<grpc::ServerCredentials> Credentials() const;

  const ListenOptions options_;
  const std::unique_ptr<Hosting> hosting_;
  std::unique_ptr<ListenerTls> tls_;  // Once started, if it encrypts.
  std::shared_ptr<grpc::Server> grpc_server_;
  std::unique_ptr<AcceptLoop> accept_loop_;  // Once started.
  // The same, for Snapshot(), which any thread may call while Start() runs.
  std::atomic<AcceptLoop*> counted_{nullptr};
  std::string address_;
  // Whether the sockets are systemd's, which keeps them.
  bool adopts_ = false;
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_HOSTING_LISTENING_SERVER_H_
