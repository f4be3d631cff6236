// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/plain_text.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

// The number of a character that FirstCharacter() found to be valid.
uint32_t Number(absl::string_view character) {
  const auto byte = [&](size_t i) {
    return static_cast<unsigned char>(character[i]);
  };
  if (character.size() == 1) return byte(0);
  uint32_t number = byte(0) & (0x7f >> character.size());
  for (size_t i = 1; i < character.size(); ++i) {
    number = number << 6 | (byte(i) & 0x3f);
  }
  return number;
}

// Controls, the line ends that only YAML knows, and what is no character.
bool IsRefused(uint32_t number) {
  if (number < 0x20) {
    return number != '\t' && number != '\n' && number != '\r';
  }
  return (number >= 0x7f && number < 0xa0) || number == 0x2028 ||
         number == 0x2029 || number == 0xfeff || number == 0xfffe ||
         number == 0xffff;
}

// What the first bytes say of the encoding; empty: nothing.
absl::string_view WhyNotItsBeginning(absl::string_view text) {
  if (absl::StartsWith(text, "\xff\xfe") ||
      absl::StartsWith(text, "\xfe\xff")) {
    return "the file is UTF-16 or UTF-32; save it as UTF-8";
  }
  if (absl::StartsWith(text, "\xef\xbb\xbf")) {
    return "the file begins with a byte-order mark; save it as UTF-8 without "
           "one";
  }
  return "";
}

std::string WhyNotCharacter(absl::string_view character) {
  if (character.empty()) return "";
  const uint32_t number = Number(character);
  if (number == 0) {
    return "there is a NUL byte; if the file is UTF-16, save it as UTF-8";
  }
  if (!IsRefused(number)) return "";
  return absl::StrFormat(
      "the character U+%04X must not stand in a configuration; in double "
      "quotes write \"\\u%04X\"",
      number, number);
}

}  // namespace

absl::optional<ConfigMistake> WhyNotPlainText(absl::string_view text) {
  if (text.size() > kMostConfigBytes) {
    return ConfigMistake{
        .text = absl::StrCat("the file has ", text.size(), " bytes or more; ",
                             "a configuration has at most ", kMostConfigBytes)};
  }
  ConfigPlace place = {.line = 1, .column = 1};
  if (const auto why = WhyNotItsBeginning(text); !why.empty()) {
    return ConfigMistake{.place = place, .text = std::string(why)};
  }
  while (!text.empty()) {
    const size_t size = FirstCharacter(text);
    if (size == 0) {
      return ConfigMistake{
          .place = place,
          .text = absl::StrFormat(
              "the byte 0x%02X is not UTF-8; save the file as UTF-8",
              static_cast<unsigned char>(text[0]))};
    }
    std::string why = WhyNotCharacter(text.substr(0, size));
    if (!why.empty()) return ConfigMistake{.place = place, .text = why};
    ++place.column;
    if (text[0] == '\n') place = {.line = place.line + 1, .column = 1};
    text.remove_prefix(size);
  }
  return absl::nullopt;
}

std::string YamlQuoted(absl::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const size_t size = std::max<size_t>(FirstCharacter(text), 1);
    const absl::string_view character = text.substr(0, size);
    const uint32_t number = Number(character);
    if (character == "\"" || character == "\\") {
      absl::StrAppend(&quoted, "\\", character);
    } else if (number == '\n') {
      quoted += "\\n";
    } else if (number == '\t') {
      quoted += "\\t";
    } else if (number == '\r' || IsRefused(number)) {
      absl::StrAppendFormat(&quoted, "\\u%04X", number);
    } else {
      absl::StrAppend(&quoted, character);
    }
    text.remove_prefix(size);
  }
  quoted += '"';
  return quoted;
}

}  // namespace pinion
