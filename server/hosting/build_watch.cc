// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/build_watch.h"

#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>

#include <string>
#include <utility>
#include <vector>

namespace pinion {
namespace {

using Reached = BuildWatch::Reached;
using Seen = BuildWatch::Seen;

// gRPC lets a class that derives from the builder see them.
class Ports : private grpc::ServerBuilder {
 public:
  static std::vector<std::string> AddressesOf(grpc::ServerBuilder& builder) {
    std::vector<std::string> addresses;
    for (const Port& port : (builder.*(&Ports::ports))()) {
      addresses.push_back(port.addr);
    }
    return addresses;
  }
};

// Called by the builder on its way.
class Plugin final : public grpc::ServerBuilderPlugin {
 public:
  explicit Plugin(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}

  std::string name() override { return "pinion"; }
  void UpdateServerBuilder(grpc::ServerBuilder* builder) override {
    seen_->reached = Reached::kBegun;
    seen_->addresses = Ports::AddressesOf(*builder);
  }
  void InitServer(grpc::ServerInitializer*) override {
    seen_->reached = Reached::kServices;
  }
  void Finish(grpc::ServerInitializer*) override {
    seen_->reached = Reached::kServer;
  }
  void ChangeArguments(const std::string&, void*) override {}

 private:
  const std::shared_ptr<Seen> seen_;
};

// Puts the plugin into one builder; other ways would into all of the process.
class Option final : public grpc::ServerBuilderOption {
 public:
  explicit Option(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}

  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>*
                         plugins) override {
    plugins->push_back(std::make_unique<Plugin>(seen_));
  }

 private:
  const std::shared_ptr<Seen> seen_;
};

}  // namespace

BuildWatch::BuildWatch(grpc::ServerBuilder& builder)
    : seen_(std::make_shared<Seen>()) {
  builder.SetOption(std::make_unique<Option>(seen_));
}

}  // namespace pinion
