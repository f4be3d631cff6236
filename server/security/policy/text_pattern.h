// SPDX-License-Identifier: Apache-2.0
//
// TextPattern: what a text of a call must be like, as gRFC A43 writes it:
//              "abc" is exactly that, "abc*" begins so, "*abc" ends so, and "*"
//              is any text but the empty one.
//
// Threads: plain data; any thread may read it.
// Example: auto pattern = TextPattern::Parse("/shop.v1.Cart/*");
//          if (pattern->Matches(path)) ...
#ifndef PINION_SERVER_SECURITY_POLICY_TEXT_PATTERN_H_
#define PINION_SERVER_SECURITY_POLICY_TEXT_PATTERN_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace pinion {

struct TextPattern {
  enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kPresence };

  Kind kind = Kind::kExact;
  std::string text = {};  // Without the star.

  // None if a star stands elsewhere than at one end, or if `written` is empty.
  static std::optional<TextPattern> Parse(absl::string_view written);

  // What Parse() has read.
  std::string Written() const;

  bool Matches(absl::string_view value) const;

  // Whether it matches each text that `other` matches.
  bool Covers(const TextPattern& other) const;
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_POLICY_TEXT_PATTERN_H_
