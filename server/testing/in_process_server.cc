// SPDX-License-Identifier: Apache-2.0
#include "server/testing/in_process_server.h"

#include "core/check.h"

namespace pinion::testing {
namespace {

ServerOptions WithFreePort(ServerOptions options) {
  options.listen = "127.0.0.1:0";
  return options;
}

}  // namespace

InProcessServer::InProcessServer(absl::FunctionRef<void(Server&)> host,
                                 InProcessOptions options)
    : InProcessServer(std::move(options)) {
  host(server_);
  const absl::Status started = Start();
  PINION_CHECK(started.ok(), "the server did not start: ", started.message());
}

InProcessServer::InProcessServer(InProcessOptions options,
                                 std::optional<ManualRun> manual)
    : options_(std::move(options)),
      server_(manual.has_value()
                  ? Server(WithFreePort(options_.server), *std::move(manual))
                  : Server(WithFreePort(options_.server))) {}

InProcessServer::~InProcessServer() { Stop().IgnoreError(); }

absl::Status InProcessServer::Start() {
  const absl::Status started = server_.Start();
  if (started.ok()) client_ = NewClient(options_.client);
  return started;
}

absl::Status InProcessServer::Stop() {
  CloseChannel();
  server_.Drain();
  guard_->AwaitCalls();
  return server_.Stop();
}

std::unique_ptr<Client> InProcessServer::NewClient(ClientOptions options) {
  options.guard = guard_;
  return std::make_unique<Client>(channel(), options);
}

}  // namespace pinion::testing
