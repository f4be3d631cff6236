// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/admin/admin_json.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"

namespace pinion {

absl::StatusOr<std::string> AdminJson(
    const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &text, options);
  if (status.ok()) return text;
  return absl::InternalError(absl::StrCat("no JSON of ", message.GetTypeName(),
                                          ": ", std::string(status.message())));
}

}  // namespace pinion
