// SPDX-License-Identifier: Apache-2.0
//
// The public face; server/hosting/listening_server.h is what is behind it.
#include "pinion/server/server.h"

#include <utility>

#include "pinion/server/hosting/listening_server.h"
#include "pinion/server/internal/manual_run.h"
#include "pinion/server/snapshot.h"

namespace pinion {

Server::Server(ListenOptions listen, HostingOptions hosting)
    : server_(std::make_unique<internal::ListeningServer>(
          std::move(listen), std::make_unique<Hosting>(std::move(hosting)))) {}

// Hosting's constructor is private: std::make_unique() may not call it.
Server::Server(ListenOptions listen, HostingOptions hosting, ManualRun manual)
    : server_(std::make_unique<internal::ListeningServer>(
          std::move(listen), std::unique_ptr<Hosting>(new Hosting(
                                 std::move(hosting), std::move(manual))))) {}

Server::~Server() = default;

absl::Status Server::Start() { return server_->Start(); }

absl::Status Server::Reload(const ListenOptions& listen,
                            const HostingOptions& hosting) {
  return server_->Reload(listen, hosting);
}

absl::Status Server::Stop() { return server_->Stop(); }

const std::string& Server::address() const { return server_->address(); }

const Scheduler& Server::scheduler() const {
  return server_->hosting().scheduler();
}

int Server::io_threads() const { return server_->hosting().io_threads(); }

ServerSnapshot Server::Snapshot() const { return server_->Snapshot(); }

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  return server_->InProcessChannel();
}

Hosting& Server::hosting() { return server_->hosting(); }

}  // namespace pinion
