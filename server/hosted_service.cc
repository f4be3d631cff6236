// SPDX-License-Identifier: Apache-2.0
#include "server/hosted_service.h"

#include "absl/strings/str_cat.h"
#include "pinion/v1/route.pb.h"
#include "proto/wire/route_of.h"

namespace pinion {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;

TaskClass ClassOf(v1::Priority priority) {
  switch (priority) {
    case v1::PRIORITY_URGENT:
      return TaskClass::kUrgent;
    case v1::PRIORITY_BULK:
      return TaskClass::kBulk;
    default:
      return TaskClass::kNormal;
  }
}

absl::Status CheckTypes(const MethodDescriptor& method,
                        const Descriptor* request, const Descriptor* response) {
  if (method.client_streaming() || method.server_streaming()) {
    return absl::InvalidArgumentError(
        absl::StrCat(method.full_name(),
                     " is a streaming method; a handler of this form "
                     "serves unary ones"));
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

Payload Serialize(const google::protobuf::Message& message, size_t size) {
  Payload payload(size);
  message.SerializeWithCachedSizesToArray(payload.data());
  return payload;
}

}  // namespace

HostedService::HostedService(absl::string_view name, ShardFactory shards)
    : name_(name),
      descriptor_(DescriptorPool::generated_pool()->FindServiceByName(name_)),
      shards_(std::move(shards)) {
  if (descriptor_ == nullptr) {
    mistake_ = absl::InvalidArgumentError(absl::StrCat(
        "there is no service ", name_,
        " in this program; is its .proto linked in, and its package named?"));
  }
}

absl::Status HostedService::Check() const {
  if (mistake_.ok() && methods_.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the service ", name_, " is hosted, but none of its methods is"));
  }
  return mistake_;
}

void HostedService::Add(absl::string_view name, const Descriptor* request,
                        const Descriptor* response, bool uses_context,
                        HostedMethod::Function function) {
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
                        .task_class = ClassOf(route.priority()),
                        .uses_context = uses_context,
                        .run = std::move(function)};
  for (const HostedMethod& other : methods_) {
    if (other.path == added.path) {
      mistake_ = absl::InvalidArgumentError(
          absl::StrCat(method->full_name(), " is given two handlers"));
      return;
    }
  }
  mistake_ = CheckTypes(*method, request, response);
  if (!mistake_.ok()) return;
  if (!route.key().empty()) {
    absl::StatusOr<KeyReader> key = KeyReader::Create(request, route.key());
    if (!key.ok()) {
      mistake_ = absl::InvalidArgumentError(absl::StrCat(
          "the route of ", method->full_name(), ": ", key.status().message()));
      return;
    }
    added.key = *std::move(key);
  }
  methods_.push_back(std::move(added));
}

Answer HostedService::Run(absl::string_view bytes,
                          google::protobuf::Message& request,
                          google::protobuf::Message& response,
                          absl::FunctionRef<absl::Status()> handler) {
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Failed(absl::InvalidArgumentError(absl::StrCat(
                      "cannot decode the ", bytes.size(), " bytes as ",
                      request.GetDescriptor()->full_name())),
                  v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
  }
  absl::Status status = handler();
  if (!status.ok()) {
    return Failed(std::move(status), v1::REASON_HANDLER, v1::EXECUTED_YES);
  }
  Answer answer;
  answer.payload = Serialize(response, response.ByteSizeLong());
  return answer;
}

}  // namespace pinion
