// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/text_width.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion::cli {
namespace {

// Whether a terminal may give it two columns: East Asian scripts, emoji.
bool IsWide(char32_t code_point) {
  constexpr struct {
    char32_t first, last;
  } kWide[] = {
      {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23f3},
      {0x25fd, 0x25fe},   {0x2600, 0x27bf},   {0x2b1b, 0x2b1c},
      {0x2b50, 0x2b55},   {0x2e80, 0xa4cf},   {0xa960, 0xa97f},
      {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe10, 0xfe19},
      {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
      {0x16fe0, 0x18aff}, {0x1aff0, 0x1b2ff}, {0x1f000, 0x1faff},
      {0x20000, 0x3fffd},
  };
  for (const auto& wide : kWide) {
    if (code_point < wide.first) return false;
    if (code_point <= wide.last) return true;
  }
  return false;
}

// The first character of `text`, which is not empty; a byte if it is none.
absl::string_view First(absl::string_view text) {
  return text.substr(0, std::max<size_t>(1, FirstCharacter(text)));
}

int WidthOfCharacter(absl::string_view character) {
  return FirstCharacter(character) != 0 && IsWide(CodePointOf(character)) ? 2
                                                                          : 1;
}

// How many bytes of `text` at its beginning take `width` columns or fewer.
size_t BytesWithin(absl::string_view text, int width) {
  size_t bytes = 0;
  while (bytes < text.size()) {
    const absl::string_view character = First(text.substr(bytes));
    width -= WidthOfCharacter(character);
    if (width < 0) break;
    bytes += character.size();
  }
  return bytes;
}

}  // namespace

int WidthOf(absl::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const absl::string_view character = First(text);
    width += WidthOfCharacter(character);
    text.remove_prefix(character.size());
  }
  return width;
}

std::string CutEnd(absl::string_view text, int width) {
  if (WidthOf(text) <= width) return std::string(text);
  if (width <= 0) return "";
  return absl::StrCat(text.substr(0, BytesWithin(text, width - 1)), "~");
}

std::string CutStart(absl::string_view text, int width) {
  int excess = WidthOf(text) - width;
  if (excess <= 0) return std::string(text);
  if (width <= 0) return "";
  for (++excess; excess > 0;) {  // One more, for the "~".
    const absl::string_view character = First(text);
    excess -= WidthOfCharacter(character);
    text.remove_prefix(character.size());
  }
  return absl::StrCat("~", text);
}

}  // namespace pinion::cli
