// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/key.h"

#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

// Enough to know a key by, short enough for a line of a log.
constexpr size_t kPrintedKeyBytes = 64;

// The longest integer has so many digits, its sign included.
constexpr size_t kDigits = 20;

bool LooksLikeAnInteger(absl::string_view text) {
  return !text.empty() && text.size() <= kDigits &&
         text.find_first_not_of("-0123456789") == text.npos;
}

}  // namespace

std::string Key::ToString() const {
  const absl::string_view text = bytes();
  if (LooksLikeAnInteger(text)) return std::string(text);
  const std::string shown = Escaped(BeginningOf(text, kPrintedKeyBytes));
  if (text.size() <= kPrintedKeyBytes) return absl::StrCat("\"", shown, "\"");
  return absl::StrCat("\"", shown, "...\" (", text.size(), " bytes)");
}

}  // namespace pinion
