// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/json_text.h"

#include <cstddef>

#include "absl/strings/ascii.h"

namespace pinion::cli {
namespace {

// Reads an object from its left to its right.
class ObjectReader {
 public:
  explicit ObjectReader(absl::string_view json) : rest_(json) {}

  std::optional<JsonMembers> Read() {
    JsonMembers members;
    if (!Take('{')) return std::nullopt;
    if (!Take('}')) {
      do {
        const auto name = TakeString();
        if (!name.has_value() || !Take(':')) return std::nullopt;
        const auto value = TakeValue();
        if (!value.has_value()) return std::nullopt;
        members.emplace_back(name->substr(1, name->size() - 2), *value);
      } while (Take(','));
      if (!Take('}')) return std::nullopt;
    }
    SkipSpace();
    if (!rest_.empty()) return std::nullopt;
    return members;
  }

 private:
  void SkipSpace() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }

  bool Take(char character) {
    SkipSpace();
    if (rest_.empty() || rest_[0] != character) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // With its quotes.
  std::optional<absl::string_view> TakeString() {
    SkipSpace();
    if (rest_.empty() || rest_[0] != '"') return std::nullopt;
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') return TakeFirst(i + 1);
      if (rest_[i] == '\\') ++i;
    }
    return std::nullopt;
  }

  // Up to the comma or bracket that ends it.
  std::optional<absl::string_view> TakeValue() {
    SkipSpace();
    const absl::string_view from = rest_;
    int depth = 0;
    while (!rest_.empty()) {
      const char next = rest_[0];
      if (depth == 0 && (next == ',' || next == '}' || next == ']')) break;
      if (next == '"') {
        if (!TakeString().has_value()) return std::nullopt;
        continue;
      }
      if (next == '{' || next == '[') ++depth;
      if (next == '}' || next == ']') --depth;
      rest_.remove_prefix(1);
    }
    const absl::string_view value = absl::StripTrailingAsciiWhitespace(
        from.substr(0, from.size() - rest_.size()));
    if (value.empty() || depth != 0) return std::nullopt;
    return value;
  }

  absl::string_view TakeFirst(size_t size) {
    const absl::string_view first = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return first;
  }

  absl::string_view rest_;
};

}  // namespace

std::optional<JsonMembers> JsonMembersOf(absl::string_view json) {
  return ObjectReader(json).Read();
}

}  // namespace pinion::cli
