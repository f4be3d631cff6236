// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/json_string.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_format.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

constexpr absl::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

}  // namespace

std::string JsonString(absl::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    const size_t size = FirstCharacter(text);
    const absl::string_view character = text.substr(0, size == 0 ? 1 : size);
    if (size == 0) {
      json.append(kReplacement.data(), kReplacement.size());
    } else if (character == "\"" || character == "\\") {
      json.append({'\\', character[0]});
    } else if (const char32_t code_point = CodePointOf(character);
               IsControl(code_point)) {
      // None of them is beyond U+FFFF.
      absl::StrAppendFormat(&json, "\\u%04x",
                            static_cast<uint32_t>(code_point));
    } else {
      json.append(character.data(), character.size());
    }
    text.remove_prefix(character.size());
  }
  json += '"';
  return json;
}

}  // namespace pinion
