// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosted_service.h"

#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/route_of.h"
#include "pinion/server/internal/task_class_of.h"
#include "pinion/v1/route.pb.h"

namespace pinion {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;

absl::Status CheckTypes(const MethodDescriptor& method,
                        const Descriptor* request, const Descriptor* response,
                        bool streams) {
  if (method.client_streaming()) {
    return absl::InvalidArgumentError(absl::StrCat(
        method.full_name(),
        " takes a stream of requests; unary and server-streaming methods can "
        "be hosted"));
  }
  if (method.server_streaming() != streams) {
    return absl::InvalidArgumentError(absl::StrCat(
        method.full_name(),
        streams ? " is a unary method; its handler gets no pinion::Stream"
                : " is a server-streaming method; its handler is "
                  "void M(const Request&, pinion::Stream<Response>)"));
  }
  const std::pair<const Descriptor*, const Descriptor*> types[] = {
      {request, method.input_type()}, {response, method.output_type()}};
  for (const auto& [given, declared] : types) {
    if (given->full_name() != declared->full_name()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the handler of ", method.full_name(), " takes ", given->full_name(),
          " where the .proto says ", declared->full_name()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

HostedService::HostedService(absl::string_view name, ShardFactory shards,
                             EndBatchFunction end_batch)
    : name_(name),
      descriptor_(DescriptorPool::generated_pool()->FindServiceByName(name_)),
      shards_(std::move(shards)),
      end_batch_(std::move(end_batch)) {
  if (descriptor_ == nullptr) {
    mistake_ = absl::InvalidArgumentError(absl::StrCat(
        "there is no service ", name_,
        " in this program; is its .proto linked in, and its package named?"));
  }
}

absl::Status HostedService::Check() const {
  if (!mistake_.ok()) return mistake_;
  if (!key_mistakes_.empty()) return key_mistakes_.front().status;
  if (methods_.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the service ", name_, " is hosted, but none of its methods is"));
  }
  return absl::OkStatus();
}

void HostedService::Add(absl::string_view name, const Descriptor* request,
                        const Descriptor* response, MethodHandler handler) {
  if (!mistake_.ok()) return;
  const MethodDescriptor* method =
      descriptor_->FindMethodByName(std::string(name));
  if (method == nullptr) {
    mistake_ = absl::InvalidArgumentError(
        absl::StrCat("the service ", name_, " has no method ", name));
    return;
  }
  const v1::Route& route = RouteOf(*method);
  HostedMethod added = {.path = absl::StrCat("/", name_, "/", name),
                        .index = static_cast<int>(methods_.size()),
                        .key = std::nullopt,
                        .task_class = TaskClassOf(route.priority()),
                        .request = request,
                        .handler = std::move(handler)};
  for (const HostedMethod& other : methods_) {
    if (other.path == added.path) {
      mistake_ = absl::InvalidArgumentError(
          absl::StrCat(method->full_name(), " is given two handlers"));
      return;
    }
  }
  mistake_ = CheckTypes(*method, request, response, added.handler.streams);
  if (!mistake_.ok()) return;
  methods_.push_back(std::move(added));
  if (!route.key().empty()) ReadKey(methods_.back(), "route", route.key());
}

void HostedService::SetKey(absl::string_view path) {
  if (!mistake_.ok()) return;
  if (methods_.empty()) {
    mistake_ = absl::InvalidArgumentError(absl::StrCat(
        "Key(\"", path, "\") of the service ", name_,
        " comes before any On(); it is for the method given before it"));
    return;
  }
  HostedMethod& method = methods_.back();
  if (!key_mistakes_.empty() && key_mistakes_.back().method == method.index) {
    key_mistakes_.pop_back();
  }
  ReadKey(method, "Key()", path);
}

void HostedService::SetBatch(const BatchBudget& budget) {
  batch_ = budget;
  if (mistake_.ok() && (budget.calls < 1 || budget.time.count() < 0)) {
    mistake_ = absl::InvalidArgumentError(
        absl::StrCat("a batch of the service ", name_, " is to have ",
                     budget.calls, " calls and ", budget.time.count(),
                     " us; possible are 1 or more calls and 0 or more us"));
  }
}

void HostedService::ReadKey(HostedMethod& method, absl::string_view said_by,
                            absl::string_view path) {
  absl::StatusOr<KeyReader> key =
      KeyReader::Create(method.request, std::string(path));
  if (key.ok()) {
    method.key = *std::move(key);
    return;
  }
  key_mistakes_.push_back({.method = method.index,
                           .status = absl::InvalidArgumentError(absl::StrCat(
                               "the ", said_by, " of ", name_, ".",
                               method.path.substr(name_.size() + 2), ": ",
                               key.status().message()))});
}

}  // namespace pinion
