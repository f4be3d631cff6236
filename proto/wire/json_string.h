// SPDX-License-Identifier: Apache-2.0
//
// JsonString: a text as a string of JSON.
//
// Threads: plain functions; any thread.
// Example: absl::StrCat("{\"message\":", JsonString(status.message()), "}")
#ifndef PINION_PROTO_WIRE_JSON_STRING_H_
#define PINION_PROTO_WIRE_JSON_STRING_H_

#include <string>

#include "absl/strings/string_view.h"

namespace pinion {

// `text` in quotes, on one line, with control characters (see IsControl() in
// utf8.h) escaped. Bytes that are not UTF-8 become U+FFFD.
std::string JsonString(absl::string_view text);

// What stands for a character within a string: "\u200b"; two halves for one
// beyond U+FFFF.
std::string JsonEscape(char32_t code_point);

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_JSON_STRING_H_
