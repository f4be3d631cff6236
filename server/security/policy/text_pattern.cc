// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/policy/text_pattern.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace pinion {

std::optional<TextPattern> TextPattern::Parse(absl::string_view written) {
  if (written.empty()) return std::nullopt;
  if (written == "*") return TextPattern{.kind = Kind::kPresence};
  Kind kind = Kind::kExact;
  if (absl::ConsumePrefix(&written, "*")) {
    kind = Kind::kSuffix;
  } else if (absl::ConsumeSuffix(&written, "*")) {
    kind = Kind::kPrefix;
  }
  if (absl::StrContains(written, '*')) return std::nullopt;
  return TextPattern{.kind = kind, .text = std::string(written)};
}

std::string TextPattern::Written() const {
  switch (kind) {
    case Kind::kExact:
      break;
    case Kind::kPrefix:
      return absl::StrCat(text, "*");
    case Kind::kSuffix:
      return absl::StrCat("*", text);
    case Kind::kPresence:
      return "*";
  }
  return text;
}

bool TextPattern::Matches(absl::string_view value) const {
  switch (kind) {
    case Kind::kExact:
      return value == text;
    case Kind::kPrefix:
      return absl::StartsWith(value, text);
    case Kind::kSuffix:
      return absl::EndsWith(value, text);
    case Kind::kPresence:
      return !value.empty();
  }
  return false;
}

bool TextPattern::Covers(const TextPattern& other) const {
  if (other.kind == Kind::kExact) return Matches(other.text);
  // What begins or ends with a text is not empty.
  if (kind == Kind::kPresence) return true;
  return kind == other.kind && Matches(other.text);
}

}  // namespace pinion
