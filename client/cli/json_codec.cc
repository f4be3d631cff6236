// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/json_codec.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

}  // namespace

bool JsonCodec::IsServerStreaming(absl::string_view method) const {
  const absl::StatusOr<const MethodDescriptor*> found = methods_.Find(method);
  return found.ok() && (*found)->server_streaming();
}

absl::StatusOr<std::string> JsonCodec::Encode(absl::string_view method,
                                              const std::string& json) {
  const absl::StatusOr<const MethodDescriptor*> found = methods_.Find(method);
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
  const absl::StatusOr<const MethodDescriptor*> found = methods_.Find(method);
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
