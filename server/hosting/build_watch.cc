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

// Called by the builder on its way.
class Plugin final : public grpc::ServerBuilderPlugin {
 public:
  explicit Plugin(std::shared_ptr<Reached> reached)
      : reached_(std::move(reached)) {}

  std::string name() override { return "pinion"; }
  void UpdateServerBuilder(grpc::ServerBuilder*) override {
    *reached_ = Reached::kBegun;
  }
  void InitServer(grpc::ServerInitializer*) override {
    *reached_ = Reached::kServices;
  }
  void Finish(grpc::ServerInitializer*) override {
    *reached_ = Reached::kServer;
  }
  void ChangeArguments(const std::string&, void*) override {}

 private:
  const std::shared_ptr<Reached> reached_;
};

// Puts the plugin into one builder; other ways would into all of the process.
class Option final : public grpc::ServerBuilderOption {
 public:
  explicit Option(std::shared_ptr<Reached> reached)
      : reached_(std::move(reached)) {}

  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>*
                         plugins) override {
    plugins->push_back(std::make_unique<Plugin>(reached_));
  }

 private:
  const std::shared_ptr<Reached> reached_;
};

}  // namespace

BuildWatch::BuildWatch(grpc::ServerBuilder& builder)
    : reached_(std::make_shared<Reached>(Reached::kNothing)) {
  builder.SetOption(std::make_unique<Option>(reached_));
}

}  // namespace pinion
