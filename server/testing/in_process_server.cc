// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/testing/in_process_server.h"

#include "pinion/core/base/check.h"
#include "pinion/server/hosting/for_test.h"

namespace pinion::testing {
namespace {

ListenOptions WithFreePort(ListenOptions options) {
  options.listen = "127.0.0.1:0";
  return options;
}

std::unique_ptr<Server> MakeServer(const InProcessOptions& options,
                                   std::optional<ManualRun> manual) {
  ListenOptions listen = WithFreePort(options.listen);
  if (!manual.has_value()) {
    return std::make_unique<Server>(std::move(listen), options.hosting);
  }
  return internal::ServerForTest::Make(std::move(listen), options.hosting,
                                       *std::move(manual));
}

}  // namespace

InProcessServer::InProcessServer(absl::FunctionRef<void(Server&)> host,
                                 InProcessOptions options)
    : InProcessServer(std::move(options)) {
  host(*server_);
  const absl::Status started = Start();
  PINION_CHECK(started.ok(), "the server did not start: ", started.message());
}

InProcessServer::InProcessServer(InProcessOptions options,
                                 std::optional<ManualRun> manual)
    : options_(std::move(options)),
      server_(MakeServer(options_, std::move(manual))) {}

InProcessServer::~InProcessServer() { Stop().IgnoreError(); }

absl::Status InProcessServer::Start() {
  const absl::Status started = server_->Start();
  if (started.ok()) client_ = NewClient(options_.client);
  return started;
}

absl::Status InProcessServer::Stop() {
  CloseChannel();
  server_->Drain();
  guard_->AwaitCalls();
  return server_->Stop();
}

std::unique_ptr<Client> InProcessServer::NewClient(ClientOptions options) {
  options.guard = guard_;
  return std::make_unique<Client>(channel(), options);
}

}  // namespace pinion::testing
