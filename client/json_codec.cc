// SPDX-License-Identifier: Apache-2.0
#include "client/json_codec.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace pinion {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

constexpr char kTypePrefix[] = "type.googleapis.com";

std::string TypeUrl(const Descriptor* type) {
  return absl::StrCat(kTypePrefix, "/", type->full_name());
}

std::string MethodNames(const ServiceDescriptor& service) {
  std::vector<std::string> names;
  for (int i = 0; i < service.method_count(); ++i) {
    names.push_back(service.method(i)->name());
  }
  return absl::StrJoin(names, ", ");
}

absl::StatusOr<const MethodDescriptor*> FindMethod(const DescriptorPool& pool,
                                                   absl::string_view method) {
  const std::vector<std::string> parts = absl::StrSplit(method, '/');
  if (parts.size() != 3 || !parts[0].empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", method, "\" is not a method; write /package.Service/Method"));
  }
  const ServiceDescriptor* service = pool.FindServiceByName(parts[1]);
  if (service == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("no service ", parts[1],
                     " is known here; give its .proto by --descriptor_set"));
  }
  const MethodDescriptor* found = service->FindMethodByName(parts[2]);
  if (found == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the service ", parts[1], " has no method ", parts[2],
                     "; it has ", MethodNames(*service)));
  }
  if (found->client_streaming() || found->server_streaming()) {
    return absl::InvalidArgumentError(absl::StrCat(
        method, " is a streaming method; only unary ones can be called"));
  }
  return found;
}

}  // namespace

JsonCodec::JsonCodec(const DescriptorPool& pool)
    : pool_(pool),
      types_(google::protobuf::util::NewTypeResolverForDescriptorPool(
          kTypePrefix, &pool)) {}

absl::StatusOr<std::string> JsonCodec::Encode(absl::string_view method,
                                              const std::string& json) const {
  const absl::StatusOr<const MethodDescriptor*> found =
      FindMethod(pool_, method);
  if (!found.ok()) return found.status();
  const Descriptor* type = (*found)->input_type();
  std::string request;
  const auto parsed = google::protobuf::util::JsonToBinaryString(
      types_.get(), TypeUrl(type), json, &request);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the JSON is not a ", type->full_name(), ": ",
                     parsed.message().ToString()));
  }
  return request;
}

absl::StatusOr<std::string> JsonCodec::Decode(
    absl::string_view method, const std::string& response) const {
  const absl::StatusOr<const MethodDescriptor*> found =
      FindMethod(pool_, method);
  if (!found.ok()) return found.status();
  const Descriptor* type = (*found)->output_type();
  google::protobuf::util::JsonPrintOptions print;
  print.always_print_primitive_fields = true;
  print.preserve_proto_field_names = true;
  std::string json;
  const auto printed = google::protobuf::util::BinaryToJsonString(
      types_.get(), TypeUrl(type), response, &json, print);
  if (!printed.ok()) {
    return absl::InternalError(absl::StrCat("the response is not a ",
                                            type->full_name(), ": ",
                                            printed.message().ToString()));
  }
  return json;
}

}  // namespace pinion
