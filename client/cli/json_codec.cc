// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/json_codec.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "pinion/client/cli/descriptor_sets.h"
#include "pinion/proto/wire/nearest_first.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

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
                     " is known here; give its descriptor set by "
                     "--descriptor_set=FILE (",
                     cli::kHowToMakeDescriptorSets, ")"));
  }
  const MethodDescriptor* found = service->FindMethodByName(parts[2]);
  if (found == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the service ", parts[1], " has no method ", parts[2],
                     "; it has ", MethodsNearestFirst(parts[2], *service)));
  }
  if (found->client_streaming()) {
    return absl::InvalidArgumentError(
        absl::StrCat(method,
                     " takes a stream of requests; only unary and "
                     "server-streaming methods can be called"));
  }
  return found;
}

}  // namespace

JsonCodec::JsonCodec(const DescriptorPool& pool) : pool_(pool) {}

bool JsonCodec::IsServerStreaming(absl::string_view method) const {
  const absl::StatusOr<const MethodDescriptor*> found =
      FindMethod(pool_, method);
  return found.ok() && (*found)->server_streaming();
}

absl::StatusOr<std::string> JsonCodec::Encode(absl::string_view method,
                                              const std::string& json) {
  const absl::StatusOr<const MethodDescriptor*> found =
      FindMethod(pool_, method);
  if (!found.ok()) return found.status();
  const Descriptor* type = (*found)->input_type();
  const std::unique_ptr<Message> request(messages_.GetPrototype(type)->New());
  const absl::string_view text = WithoutByteOrderMark(json);
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      {text.data(), text.size()}, request.get());
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the JSON is not a ", type->full_name(), ": ",
                     Printable(parsed.message().ToString())));
  }
  return request->SerializeAsString();
}

absl::StatusOr<std::string> JsonCodec::Decode(absl::string_view method,
                                              const std::string& response) {
  const absl::StatusOr<const MethodDescriptor*> found =
      FindMethod(pool_, method);
  if (!found.ok()) return found.status();
  const Descriptor* type = (*found)->output_type();
  const std::unique_ptr<Message> message(messages_.GetPrototype(type)->New());
  google::protobuf::util::JsonPrintOptions print;
  print.always_print_primitive_fields = true;
  print.preserve_proto_field_names = true;
  std::string json;
  if (!message->ParseFromString(response) ||
      !google::protobuf::util::MessageToJsonString(*message, &json, print)
           .ok()) {
    return absl::InternalError(
        absl::StrCat("the response is not a ", type->full_name()));
  }
  return json;
}

}  // namespace pinion
