// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/admin_json.h"

#include <google/protobuf/util/json_util.h>

#include <cstddef>

#include "absl/strings/string_view.h"
#include "pinion/proto/wire/json_string.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion::cli {
namespace {

// Protobuf leaves some of them as they are, such as those that change the
// direction of the text. They stand within strings only.
std::string WithoutControls(absl::string_view json) {
  std::string text;
  while (!json.empty()) {
    const size_t size = FirstCharacter(json);
    const absl::string_view character = json.substr(0, size == 0 ? 1 : size);
    const char32_t code_point = size == 0 ? 0xfffd : CodePointOf(character);
    if (size == 0 || IsControl(code_point)) {
      text += JsonEscape(code_point);
    } else {
      text.append(character.data(), character.size());
    }
    json.remove_prefix(character.size());
  }
  return text;
}

}  // namespace

std::string AdminJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions print;
  print.always_print_primitive_fields = true;
  print.preserve_proto_field_names = true;
  std::string json;
  // It fails for an Any only, which no message here has.
  (void)google::protobuf::util::MessageToJsonString(message, &json, print);
  return WithoutControls(json);
}

}  // namespace pinion::cli
