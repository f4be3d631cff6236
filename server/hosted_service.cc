// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosted_service.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/key_reader.h"
#include "pinion/proto/wire/nearest_first.h"
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

// A field that can be a key, for an example of one.
std::string AnyKeyOf(const Descriptor& request) {
  for (int i = 0; i < request.field_count(); ++i) {
    const std::string& name = request.field(i)->name();
    if (KeyReader::Create(&request, name).ok()) return name;
  }
  return "FIELD";
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
  if (methods_.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the service ", name_, " is hosted, but none of its methods is"));
  }
  for (const HostedMethod& method : methods_) {
    const absl::Status status = CheckWhere(method);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status HostedService::CheckWhere(const HostedMethod& method) const {
  const Where& where = where_[method.index];
  if (where.key.empty() && where.any_worker.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        FullName(method),
        " does not say where its calls run; give it a key, the same for all "
        "calls that share state, in its .proto by option (pinion.v1.route) = "
        "{key: \"",
        AnyKeyOf(*method.request), "\"} or after its On() by .Key(\"",
        AnyKeyOf(*method.request),
        "\"), or say that any worker will do, by {any_worker: true} or "
        ".AnyWorker()"));
  }
  if (!where.key.empty() && !where.any_worker.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(FullName(method), " has a key, by ", where.key,
                     ", and says that any worker will do, by ",
                     where.any_worker, "; keep one of the two"));
  }
  return where.key_mistake;
}

void HostedService::Add(absl::string_view name, const Descriptor* request,
                        const Descriptor* response, MethodHandler handler) {
  if (!mistake_.ok()) return;
  const MethodDescriptor* method =
      descriptor_->FindMethodByName(std::string(name));
  if (method == nullptr) {
    mistake_ = absl::InvalidArgumentError(
        absl::StrCat("the service ", name_, " has no method ", name,
                     "; it has ", MethodsNearestFirst(name, *descriptor_)));
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
  where_.emplace_back();
  if (route.any_worker()) where_.back().any_worker = "its route's any_worker";
  if (route.key().empty()) return;
  where_.back().key = absl::StrCat("its route's key \"", route.key(), "\"");
  ReadKey("route", route.key());
}

void HostedService::SetKey(absl::string_view path) {
  const std::string call = absl::StrCat("Key(\"", path, "\")");
  if (!ComesAfterOn(call)) return;
  where_.back().key = call;
  ReadKey("Key()", path);
}

void HostedService::SetAnyWorker() {
  if (!ComesAfterOn("AnyWorker()")) return;
  where_.back().any_worker = "AnyWorker()";
}

bool HostedService::ComesAfterOn(absl::string_view call) {
  if (!mistake_.ok()) return false;
  if (!methods_.empty()) return true;
  mistake_ = absl::InvalidArgumentError(
      absl::StrCat(call, " of the service ", name_,
                   " comes before any On(); it is for the method given before "
                   "it"));
  return false;
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

void HostedService::ReadKey(absl::string_view said_by, absl::string_view path) {
  HostedMethod& method = methods_.back();
  absl::StatusOr<KeyReader> key =
      KeyReader::Create(method.request, std::string(path));
  if (key.ok()) {
    method.key = *std::move(key);
    where_.back().key_mistake = absl::OkStatus();
    return;
  }
  where_.back().key_mistake = absl::InvalidArgumentError(absl::StrCat(
      "the ", said_by, " of ", FullName(method), ": ", key.status().message()));
}

std::string HostedService::FullName(const HostedMethod& method) const {
  return absl::StrCat(name_, ".", method.path.substr(name_.size() + 2));
}

}  // namespace pinion
