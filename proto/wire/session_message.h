// SPDX-License-Identifier: Apache-2.0
//
// SessionMessage: the common part of reading an OpenRequest and an
//                 OpenResponse. Each has many elements (calls, answers) and a
//                 few other fields: scan the whole, read element by element,
//                 and report what is wrong.
//
// Threads: one at a time; the bytes must outlive the message.
// Example: class SessionRequest : public SessionMessage { ... };
//
// A message of megabytes can be read in portions: each step goes on where the
// previous one ended.
//
// Each element of a large message takes a few nanoseconds to read. So the
// cursor is a local variable, kept in registers, and rare code gets a copy of
// it.
#ifndef PINION_PROTO_WIRE_SESSION_MESSAGE_H_
#define PINION_PROTO_WIRE_SESSION_MESSAGE_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/proto/wire/wire_cursor.h"
#include "pinion/third_party/cpp20.h"

namespace pinion {

class SessionMessage {
 public:
  bool ok() const { return fault_ == nullptr; }

  // Returns INVALID_ARGUMENT, with the mistake and its byte, unless ok().
  absl::Status status() const {
    if (ok()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot decode ", type_, ": ", fault_, " at byte ", fault_at_));
  }

 protected:
  // The levels allowed below the message, and below an element.
  static constexpr int kDepth = WireCursor::kMaxDepth;
  static constexpr int kElementDepth = kDepth - 1;

  // `type` is the name in status(), `tag` the tag of an element. `max_fields`
  // is the most fields of one element, and of everything else together.
  SessionMessage(absl::string_view serialized, const char* type, uint32_t tag,
                 uint32_t max_fields = WireCursor::kAnyFields)
      : serialized_(serialized),
        type_(type),
        tag_(tag),
        max_fields_(max_fields),
        others_left_(max_fields) {}

  // The number of elements that the scan found.
  size_t elements() const { return elements_; }

  bool scanned() const { return scanned_ == serialized_.size(); }

  // Goes on with the scan: steps over at most `most` elements, and then reads
  // or skips one other field with `read(tag, &cursor)`. Returns the number of
  // these fields. On a fault, ok() is false.
  template <typename Read>
  size_t ScanNext(size_t most, const Read& read) {
    WireCursor cursor(serialized_, scanned_);
    size_t fields = cursor.SkipShort(tag_, most);
    elements_ += fields;
    bool good = true;
    bool other = false;
    while (good && !other && fields < most && !cursor.AtEnd()) {
      uint32_t tag;
      absl::string_view element;
      good = cursor.ReadTag(&tag);
      if (ABSL_PREDICT_FALSE(!good)) break;
      ++fields;
      if (ABSL_PREDICT_TRUE(tag == tag_)) {
        ++elements_;
        good = cursor.ReadBytes(&element);
      } else {
        other = true;
        good = ReadOther(&cursor, [&](WireCursor* rare) { read(tag, rare); });
      }
    }
    scanned_ = cursor.position();
    if (!good) KeepFault(cursor);
    return fields;
  }

  // The whole scan at once.
  template <typename Read>
  bool ScanAll(const Read& read) {
    while (!scanned()) ScanNext(serialized_.size(), read);
    return ok();
  }

  // The rest of a field that the scan has read: numbers up to the byte `end`.
  // Calls back for each, at most `most`, from the byte `start`. Returns where
  // it ended. On a fault, ok() is false.
  template <typename Number>
  size_t ReadPacked(size_t start, size_t end, size_t most,
                    const Number& number) {
    WireCursor cursor(serialized_.substr(0, end), start);
    bool good = true;
    for (; good && most > 0 && !cursor.AtEnd(); --most) {
      uint64_t value;
      good = cursor.ReadVarint(&value);
      if (good) number(value);
    }
    if (!good) KeepFault(cursor);
    return cursor.position();
  }

  // Makes NextElement() start with the first one again.
  void Rewind() { position_ = 0; }
  // Where `part` ends in the message.
  size_t EndOf(absl::string_view part) const {
    return static_cast<size_t>(part.data() + part.size() - serialized_.data());
  }

  // What NextElement() has not read yet. A derived class that reads an element
  // itself says so with SkipNext(), with the number of its bytes.
  absl::string_view unread() const { return serialized_.substr(position_); }
  void SkipNext(size_t bytes) { position_ += bytes; }

  // Enters the next element, calls `begin(serialized element)`, and reads its
  // fields with `read(tag, &cursor)`. False after the last one, and on a fault.
  template <typename Begin, typename Read>
  bool NextElement(const Begin& begin, const Read& read) {
    WireCursor cursor(serialized_, position_);
    bool found = false;
    bool good = true;
    while (good && !found && !cursor.AtEnd()) {
      uint32_t tag;
      good = cursor.ReadTag(&tag);
      if (ABSL_PREDICT_FALSE(!good)) break;
      found = tag == tag_;
      good = found ? ReadElement(&cursor, begin, read)
                   : cursor.SkipRare(tag, kDepth);
    }
    position_ = cursor.position();
    if (ABSL_PREDICT_FALSE(!good)) KeepFault(cursor);
    return found && good;
  }

 private:
  template <typename Begin, typename Read>
  bool ReadElement(WireCursor* cursor, const Begin& begin,
                   const Read& read) const {
    const char* const outer_limit = cursor->Enter(kDepth);
    if (ABSL_PREDICT_FALSE(outer_limit == nullptr)) return false;
    cursor->AllowFields(max_fields_);
    begin(cursor->rest());
    while (!cursor->AtEnd()) {
      uint32_t tag;
      if (!cursor->ReadTag(&tag) || !read(tag, cursor)) return false;
    }
    cursor->Leave(outer_limit);
    return true;
  }

  // The field itself counts, too.
  template <typename Read>
  bool ReadOther(WireCursor* cursor, const Read& read) {
    const bool good = cursor->ReadRare([&](WireCursor* rare) {
      rare->AllowFields(others_left_);
      if (rare->CountField()) read(rare);
      others_left_ = rare->fields_left();
    });
    cursor->AllowFields(WireCursor::kAnyFields);
    return good;
  }

  // Called last: nothing is read afterwards.
  void KeepFault(const WireCursor& cursor) {
    fault_ = cursor.fault();
    fault_at_ = cursor.offset();
    position_ = scanned_ = serialized_.size();
  }

  const absl::string_view serialized_;
  const char* const type_;
  const uint32_t tag_;
  const uint32_t max_fields_;

  // The scan: its position, what it has found, and what it may still find.
  size_t scanned_ = 0;
  size_t elements_ = 0;
  uint32_t others_left_;

  // Where NextElement() looks next.
  size_t position_ = 0;

  // What is wrong, and at which byte; null if nothing is.
  const char* fault_ = nullptr;
  size_t fault_at_ = 0;
};

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_SESSION_MESSAGE_H_
