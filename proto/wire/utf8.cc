// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/utf8.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/stubs/common.h"

namespace pinion {
namespace {

// A character has at most so many bytes.
constexpr size_t kLongestCharacter = 4;

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// The characters of `text` as they are, but for control characters that are not
// among `kept` and bytes that are not UTF-8, which are escaped as in C.
std::string WithoutControls(absl::string_view text, absl::string_view kept) {
  std::string shown;
  while (!text.empty()) {
    const size_t size = FirstCharacter(text);
    const absl::string_view character = text.substr(0, size == 0 ? 1 : size);
    const bool shows = size != 0 && (kept.find(character[0]) != kept.npos ||
                                     !IsControl(CodePointOf(character)));
    if (shows) {
      shown.append(character.data(), character.size());
    } else {
      absl::StrAppend(&shown, absl::CHexEscape(character));
    }
    text.remove_prefix(character.size());
  }
  return shown;
}

}  // namespace

size_t FirstCharacter(absl::string_view text) {
  const auto byte = [&](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  // Longer than need be, a half of a pair, or beyond the last character.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) {
    return 0;
  }
  return size;
}

absl::string_view BeginningOf(absl::string_view text, size_t most) {
  if (text.size() <= most) return text;
  for (size_t back = 0; back < kLongestCharacter && back <= most; ++back) {
    const size_t begin = most - back;
    if (IsContinuation(text[begin])) continue;
    const bool splits = begin + FirstCharacter(text.substr(begin)) > most;
    return text.substr(0, splits ? begin : most);
  }
  return text.substr(0, most);  // Its bytes there are no character.
}

std::string ValidUtf8(absl::string_view text) {
  std::string valid(text);
  // Leaves the copy alone if the text is valid.
  google::protobuf::internal::UTF8CoerceToStructurallyValid(
      {text.data(), text.size()}, valid.data(), '?');
  return valid;
}

char32_t CodePointOf(absl::string_view character) {
  const auto byte = [&](size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(character[i]));
  };
  const size_t size = character.size();
  if (size == 1) return byte(0);
  // The first byte has one bit less for each byte of the character.
  char32_t code_point = byte(0) & (0x7f >> size);
  for (size_t i = 1; i < size; ++i) {
    code_point = code_point << 6 | (byte(i) & 0x3f);
  }
  return code_point;
}

bool IsControl(char32_t code_point) {
  constexpr struct {
    char32_t first, last;
  } kControls[] = {
      {0x00, 0x1f},  // Line ends and commands of terminals.
      {0x7f, 0x9f},  // Commands, too.
      // What follows is not shown, ends a line, or changes the direction of the
      // text: Unicode's Default_Ignorable_Code_Point (joiners, tags, selectors
      // of variants, fillers), lines and paragraphs, and annotations.
      {0xad, 0xad},
      {0x34f, 0x34f},
      {0x61c, 0x61c},
      {0x115f, 0x1160},
      {0x17b4, 0x17b5},
      {0x180b, 0x180f},
      {0x200b, 0x200f},
      {0x2028, 0x202e},
      {0x2060, 0x206f},
      {0x3164, 0x3164},
      {0xfe00, 0xfe0f},
      {0xfeff, 0xfeff},
      {0xffa0, 0xffa0},
      {0xfff0, 0xfffb},
      {0x1bca0, 0x1bca3},
      {0x1d173, 0x1d17a},
      {0xe0000, 0xe0fff},
  };
  for (const auto& controls : kControls) {
    if (code_point < controls.first) return false;
    if (code_point <= controls.last) return true;
  }
  return false;
}

std::string Escaped(absl::string_view text) {
  std::string escaped;
  size_t from = 0;  // What is to be escaped together, since the last letter.
  for (size_t at = 0; at < text.size();) {
    const size_t size = FirstCharacter(text.substr(at));
    const absl::string_view character = text.substr(at, size);
    if (size > 1 && !IsControl(CodePointOf(character))) {
      absl::StrAppend(&escaped, absl::CHexEscape(text.substr(from, at - from)),
                      character);
      from = at + size;
    }
    at += size == 0 ? 1 : size;
  }
  absl::StrAppend(&escaped, absl::CHexEscape(text.substr(from)));
  return escaped;
}

std::string Printable(absl::string_view text) {
  return WithoutControls(text, "\n\t");
}

std::string OneLine(absl::string_view text) {
  return WithoutControls(text, "");
}

absl::string_view WithoutByteOrderMark(absl::string_view text) {
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");
  return text;
}

std::string Quoted(absl::string_view text, size_t most) {
  return absl::StrCat("\"", Escaped(BeginningOf(text, most)), "\"");
}

}  // namespace pinion
