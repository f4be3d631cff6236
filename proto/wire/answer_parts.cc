// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/answer_parts.h"

#include <algorithm>
#include <cstdint>

#include "pinion/proto/wire/session_tags.h"
#include "pinion/proto/wire/wire_cursor.h"

namespace pinion {
namespace {

// The size of the answer that begins with these bytes, with its tag and length.
// 0: more bytes must tell. kOther: it is no answer of less than 16 KiB.
constexpr size_t kOther = ~size_t{0};
size_t SizeOfAnswer(absl::string_view begin) {
  if (begin.empty()) return 0;
  if (static_cast<uint8_t>(begin[0]) != session_tags::kAnswer) return kOther;
  if (begin.size() < 2) return 0;
  const size_t low = static_cast<uint8_t>(begin[1]);
  if (low < 0x80) return 2 + low;
  if (begin.size() < 3) return 0;
  const size_t high = static_cast<uint8_t>(begin[2]);
  if (high >= 0x80) return kOther;
  return 3 + ((low & 0x7f) | high << 7);
}

// Of a part that lies in copied_.
constexpr const char* kCopied = nullptr;

}  // namespace

bool AnswerParts::Split(absl::Span<const absl::string_view> pieces) {
  parts_.clear();
  copied_.clear();
  copied_from_ = 0;
  for (const absl::string_view piece : pieces) {
    if (piece.empty()) continue;
    const char* at = piece.data();
    const char* const end = at + piece.size();
    if (copied_.size() > copied_from_) at = Continue(at, end);
    if (at == nullptr) return false;
    if (copied_.size() > copied_from_) continue;  // It needs the next piece.
    WireCursor cursor(absl::string_view(at, static_cast<size_t>(end - at)));
    cursor.SkipShort(session_tags::kAnswer, ~size_t{0});
    if (cursor.position() > 0) parts_.emplace_back(at, cursor.position());
    if (cursor.AtEnd()) continue;
    if (SizeOfAnswer(cursor.rest()) == kOther) return false;
    copied_.append(cursor.rest().data(), cursor.rest().size());
  }
  if (copied_.size() > copied_from_) return false;  // It is cut off.
  if (parts_.empty()) return false;
  const char* copied = copied_.data();
  for (absl::string_view& part : parts_) {
    if (part.data() != kCopied) continue;
    part = absl::string_view(copied, part.size());
    copied += part.size();
  }
  return true;
}

const char* AnswerParts::Continue(const char* at, const char* end) {
  while (true) {
    const absl::string_view begun =
        absl::string_view(copied_).substr(copied_from_);
    const size_t whole = SizeOfAnswer(begun);
    if (whole == kOther) return nullptr;
    if (whole == begun.size()) {
      parts_.emplace_back(kCopied, whole);
      copied_from_ = copied_.size();
      return at;
    }
    if (at == end) return at;
    // Its length may have yet to come.
    const size_t wanted = whole == 0 ? 1 : whole - begun.size();
    const size_t taken = std::min(wanted, static_cast<size_t>(end - at));
    copied_.append(at, taken);
    at += taken;
  }
}

}  // namespace pinion
