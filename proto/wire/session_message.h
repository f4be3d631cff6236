// SPDX-License-Identifier: Apache-2.0
//
// SessionMessage: what is the same in reading an OpenRequest and an
// OpenResponse, which are many elements (calls, answers) and a few other
// fields: the scan of the whole, then element by element, and what went wrong.
//
// Threads: one at a time; the bytes must outlive the message.
// Example: class SessionRequest : public SessionMessage { ... };
//
// A message of thousands of elements is read at some nanoseconds for each. So
// the cursor is a local variable, kept in registers, and what is rare gets a
// copy of it.
#ifndef PINION_PROTO_WIRE_SESSION_MESSAGE_H_
#define PINION_PROTO_WIRE_SESSION_MESSAGE_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/wire_cursor.h"

namespace pinion {

class SessionMessage {
 public:
  bool ok() const { return fault_ == nullptr; }

  // INVALID_ARGUMENT, with what is wrong and at which byte, unless ok().
  absl::Status status() const {
    if (ok()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot decode ", type_, ": ", fault_, " at byte ", fault_at_));
  }

 protected:
  // How many levels may follow below the message, and below an element.
  static constexpr int kDepth = WireCursor::kMaxDepth;
  static constexpr int kElementDepth = kDepth - 1;

  // `type` is what status() names, `tag` that of an element.
  SessionMessage(absl::string_view serialized, const char* type, uint32_t tag)
      : serialized_(serialized), type_(type), tag_(tag) {}

  // The elements that the scan found.
  size_t elements() const { return elements_; }

  // Steps over the elements and reads, or skips, the other fields by
  // `read(tag, &cursor)`. False upon a fault of a cursor.
  template <typename Read>
  bool ScanFields(const Read& read) {
    WireCursor cursor(serialized_);
    bool good = true;
    while (good && !cursor.AtEnd()) {
      uint32_t tag;
      absl::string_view element;
      good = cursor.ReadTag(&tag);
      if (ABSL_PREDICT_FALSE(!good)) break;
      if (ABSL_PREDICT_TRUE(tag == tag_)) {
        ++elements_;
        good = cursor.ReadBytes(&element);
      } else {
        good = cursor.ReadRare([&](WireCursor* rare) { read(tag, rare); });
      }
    }
    if (!good) KeepFault(cursor);
    return good;
  }

  // After a good scan: the other fields once more.
  template <typename Read>
  void RereadFields(const Read& read) const {
    WireCursor cursor(serialized_);
    uint32_t tag;
    while (!cursor.AtEnd() && cursor.ReadTag(&tag) && read(tag, &cursor)) {
    }
  }

  // Enters the next element and reads its fields by `read(tag, &cursor)`, after
  // `begin(serialized element)`. False after the last, and upon a fault.
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
  static bool ReadElement(WireCursor* cursor, const Begin& begin,
                          const Read& read) {
    const char* const outer_limit = cursor->Enter(kDepth);
    if (ABSL_PREDICT_FALSE(outer_limit == nullptr)) return false;
    begin(cursor->rest());
    while (!cursor->AtEnd()) {
      uint32_t tag;
      if (!cursor->ReadTag(&tag) || !read(tag, cursor)) return false;
    }
    cursor->Leave(outer_limit);
    return true;
  }

  // The last: nothing is read after it.
  void KeepFault(const WireCursor& cursor) {
    fault_ = cursor.fault();
    fault_at_ = cursor.offset();
    position_ = serialized_.size();
  }

  const absl::string_view serialized_;
  const char* const type_;
  const uint32_t tag_;

  // Found by the scan.
  size_t elements_ = 0;

  // Where NextElement() looks next.
  size_t position_ = 0;

  // What is wrong, and at which byte; null if nothing is.
  const char* fault_ = nullptr;
  size_t fault_at_ = 0;
};

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_SESSION_MESSAGE_H_
