// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/reflection/reflection_offer.h"

#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/impl/server_initializer.h>

#include <algorithm>
#include <utility>

namespace pinion {
namespace {

using Plugins = std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>;
using Seen = ReflectionOffer::Seen;

bool IsGrpcsReflection(
    const std::unique_ptr<grpc::ServerBuilderPlugin>& plugin) {
  return plugin->name() == "proto_server_reflection";
}

// Called by the builder on its way.
class Plugin final : public grpc::ServerBuilderPlugin {
 public:
  Plugin(grpc::Service& service, std::shared_ptr<Seen> seen)
      : service_(service), seen_(std::move(seen)) {}

  std::string name() override { return "pinion_reflection"; }
  void UpdateServerBuilder(grpc::ServerBuilder* builder) override {
    if (seen_->taken) builder->RegisterService(&service_);
  }
  void InitServer(grpc::ServerInitializer*) override {}
  void Finish(grpc::ServerInitializer* initializer) override {
    seen_->services = *initializer->GetServiceList();
  }
  void ChangeArguments(const std::string&, void*) override {}

 private:
  grpc::Service& service_;
  const std::shared_ptr<Seen> seen_;
};

class OfferOption final : public grpc::ServerBuilderOption {
 public:
  OfferOption(grpc::Service& service, std::shared_ptr<Seen> seen)
      : service_(service), seen_(std::move(seen)) {}

  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(Plugins* plugins) override {
    seen_->taken =
        std::none_of(plugins->begin(), plugins->end(), IsGrpcsReflection);
    plugins->push_back(std::make_unique<Plugin>(service_, seen_));
  }

 private:
  grpc::Service& service_;
  const std::shared_ptr<Seen> seen_;
};

class LeaveOutOption final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(Plugins* plugins) override {
    std::erase_if(*plugins, IsGrpcsReflection);
  }
};

}  // namespace

ReflectionOffer::ReflectionOffer(grpc::ServerBuilder& builder,
                                 grpc::Service& service)
    : seen_(std::make_shared<Seen>()) {
  builder.SetOption(std::make_unique<OfferOption>(service, seen_));
}

void LeaveOutGrpcsReflection(grpc::ServerBuilder& builder) {
  builder.SetOption(std::make_unique<LeaveOutOption>());
}

}  // namespace pinion
