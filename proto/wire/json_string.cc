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

std::string JsonEscape(char32_t code_point) {
  const auto unit = static_cast<uint32_t>(code_point);
  if (unit <= 0xffff) return absl::StrFormat("\\u%04x", unit);
  const uint32_t above = unit - 0x10000;
  return absl::StrFormat("\\u%04x\\u%04x", 0xd800 + (above >> 10),
                         0xdc00 + (above & 0x3ff));
}

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
      json += JsonEscape(code_point);
    } else {
      json.append(character.data(), character.size());
    }
    text.remove_prefix(character.size());
  }
  json += '"';
  return json;
}

}  // namespace pinion
