// SPDX-License-Identifier: Apache-2.0
//
// WireCursor: walks over serialized protobuf fields, one by one, without
//             building messages or allocating.
//
// Threads: one at a time; a cursor lives on the stack of one read.
// Faults:  a read that returns false is final; fault() and offset() say why.
//          Protobuf's own parser fails on the same bytes, unless the cursor was
//          limited to a number of fields.
// Example: while (!cursor.AtEnd()) {
//            if (!cursor.ReadTag(&tag) || !cursor.Skip(tag, depth)) break;
//          }
#ifndef PINION_PROTO_WIRE_WIRE_CURSOR_H_
#define PINION_PROTO_WIRE_WIRE_CURSOR_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/wire_format_lite.h"

namespace pinion {

class WireCursor {
 public:
  // The same limit as protobuf's: messages and groups may be nested this deep.
  static constexpr int kMaxDepth = 100;

  // The limit of a cursor that may read any number of fields.
  static constexpr uint32_t kAnyFields = ~uint32_t{0};

  // Starts at byte `start` of `bytes`, which must outlive the cursor.
  explicit WireCursor(absl::string_view bytes, size_t start = 0)
      : begin_(bytes.data()),
        position_(bytes.data() + start),
        limit_(bytes.data() + bytes.size()) {}

  bool AtEnd() const { return position_ == limit_; }
  // Where the next read starts.
  size_t position() const { return static_cast<size_t>(position_ - begin_); }
  // The unread rest of the message that was entered last.
  absl::string_view rest() const { return {position_, Left()}; }

  // Limits the fields that it reads from now on, those of nested messages
  // included; one more is a fault. Strangers may send a message of nothing but
  // fields, and each takes time.
  void AllowFields(uint32_t most) { fields_left_ = most; }
  uint32_t fields_left() const { return fields_left_; }
  // Counts one field that was read in another way.
  bool CountField() {
    if (ABSL_PREDICT_TRUE(fields_left_-- != 0)) return true;
    fields_left_ = 0;
    return Fault("more fields than a part of a message may have", position_);
  }

  bool failed() const { return fault_at_ != nullptr; }
  // The fault, in words for a message, and its position.
  const char* fault() const { return fault_; }
  size_t offset() const { return static_cast<size_t>(fault_at_ - begin_); }

  // Protobuf keeps the low 32 bits of a tag of up to five bytes.
  bool ReadTag(uint32_t* tag) {
    const char* const start = position_;
    uint64_t value;
    if (!ReadVarintOf(kTag, &value)) return false;
    *tag = static_cast<uint32_t>(value);
    if (ABSL_PREDICT_FALSE(*tag < kFirstTag)) {
      return Fault("a field with the number 0", start);
    }
    return CountField();
  }

  // Bits beyond the 64th are dropped, as in protobuf.
  bool ReadVarint(uint64_t* value) { return ReadVarintOf(kVarint, value); }

  // The same for a field of 32 bits: protobuf keeps the low ones.
  bool ReadVarint32(uint32_t* value) {
    uint64_t varint;
    if (!ReadVarint(&varint)) return false;
    *value = static_cast<uint32_t>(varint);
    return true;
  }
  bool ReadBool(bool* value) {
    uint64_t varint;
    if (!ReadVarint(&varint)) return false;
    *value = varint != 0;
    return true;
  }

  bool ReadFixed32(uint32_t* value) {
    return ReadFixed("a truncated 4-byte value", value);
  }
  bool ReadFixed64(uint64_t* value) {
    return ReadFixed("a truncated 8-byte value", value);
  }

  // A length and as many bytes. The view points into the cursor's bytes.
  bool ReadBytes(absl::string_view* bytes) {
    const char* const start = position_;
    uint64_t size;
    if (!ReadVarintOf(kLength, &size)) return false;
    if (ABSL_PREDICT_FALSE(size > Left())) {
      return Fault("a length beyond the end of the data", start);
    }
    *bytes = absl::string_view(position_, size);
    position_ += size;
    return true;
  }

  // The bytes of the field at `at`, if its tag is `tag`, of one byte, and its
  // length has one or two: so most calls and answers of a session are read in a
  // fraction of the time. False for any other field, for a fault, and at the
  // end: a cursor must tell which.
  static bool ReadShort(uint32_t tag, const char* at, const char* limit,
                        absl::string_view* bytes) {
    if (ABSL_PREDICT_FALSE(limit - at < 2)) return false;
    if (ABSL_PREDICT_FALSE(static_cast<uint8_t>(*at) != tag)) return false;
    size_t size = static_cast<uint8_t>(at[1]);
    at += 2;
    if (size >= 0x80) {
      if (ABSL_PREDICT_FALSE(at == limit)) return false;
      const auto high = static_cast<uint8_t>(*at++);
      if (ABSL_PREDICT_FALSE(high >= 0x80)) return false;
      size = (size & 0x7f) | size_t{high} << 7;
    }
    if (ABSL_PREDICT_FALSE(size > static_cast<size_t>(limit - at))) {
      return false;
    }
    *bytes = absl::string_view(at, size);
    return true;
  }

  // Skips such fields, at most `most`, and returns how many. They do not count
  // for AllowFields().
  size_t SkipShort(uint32_t tag, size_t most) {
    const char* at = position_;
    size_t skipped = 0;
    absl::string_view bytes;
    while (skipped < most && ReadShort(tag, at, limit_, &bytes)) {
      at = bytes.data() + bytes.size();
      ++skipped;
    }
    position_ = at;
    return skipped;
  }

  // Enters the message that starts here: until Leave(), the cursor's end is the
  // message's. Returns the end for Leave(), or null on a fault. `depth` is the
  // number of levels that are still allowed here.
  const char* Enter(int depth) {
    const char* const start = position_;
    absl::string_view message;
    if (!ReadBytes(&message)) return nullptr;
    if (ABSL_PREDICT_FALSE(depth == 0)) {
      Fault(kTooDeep, start);
      return nullptr;
    }
    const char* const outer_limit = limit_;
    position_ = message.data();
    limit_ = message.data() + message.size();
    return outer_limit;
  }
  void Leave(const char* outer_limit) { limit_ = outer_limit; }

  // Reads the message that starts here. `read_field(tag)` reads or skips the
  // value of each of its fields with this cursor; it is false on a fault.
  template <typename ReadField>
  bool ReadMessage(int depth, ReadField&& read_field) {
    const char* const outer_limit = Enter(depth);
    if (outer_limit == nullptr) return false;
    while (!AtEnd()) {
      uint32_t tag;
      if (!ReadTag(&tag) || !read_field(tag)) return false;
    }
    Leave(outer_limit);
    return true;
  }

  // Skips the value of the field whose tag was just read.
  bool Skip(uint32_t tag, int depth) {
    uint64_t varint;
    uint32_t fixed32;
    uint64_t fixed64;
    absl::string_view bytes;
    switch (WireFormatLite::GetTagWireType(tag)) {
      case WireFormatLite::WIRETYPE_VARINT:
        return ReadVarint(&varint);
      case WireFormatLite::WIRETYPE_FIXED64:
        return ReadFixed64(&fixed64);
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED:
        return ReadBytes(&bytes);
      case WireFormatLite::WIRETYPE_START_GROUP:
        return SkipGroup(tag, depth);
      case WireFormatLite::WIRETYPE_END_GROUP:
        return Fault("the end of a group that was not begun", position_);
      case WireFormatLite::WIRETYPE_FIXED32:
        return ReadFixed32(&fixed32);
    }
    return Fault("a field of wire type 6 or 7", position_);
  }

  // The same, for code that seldom skips a field.
  bool SkipRare(uint32_t tag, int depth) {
    return ReadRare([&](WireCursor* rare) { rare->Skip(tag, depth); });
  }

  // Skips the message that starts here, and checks that it can be read.
  bool CheckMessage(int depth) {
    return ReadRare([&](WireCursor* rare) {
      rare->ReadMessage(
          depth, [&](uint32_t tag) { return rare->Skip(tag, depth - 1); });
    });
  }

  // Calls `read(&cursor)` out of line and goes on where it ended. For rare code
  // in a fast loop: the cursor stays in registers if only inlined code takes
  // its address.
  template <typename Read>
  bool ReadRare(const Read& read) {
    *this = After(*this, read);
    return !failed();
  }

 private:
  using WireFormatLite = google::protobuf::internal::WireFormatLite;

  struct Varint {
    int inlined_bytes;  // As many as most varints have.
    int max_bytes;      // As many as protobuf reads at most.
    const char* truncated;
    const char* too_long;
  };
  static constexpr Varint kTag = {2, 5, "a truncated field tag",
                                  "a field tag of more than 5 bytes"};
  static constexpr Varint kLength = {2, 5, "a truncated length",
                                     "a length of more than 5 bytes"};
  static constexpr Varint kVarint = {5, 10, "a truncated varint",
                                     "a varint of more than 10 bytes"};

  static constexpr uint32_t kFirstTag = 1 << 3;  // For field number 1.
  static constexpr const char* kTooDeep =
      "messages or groups more than 100 levels deep";

  size_t Left() const { return static_cast<size_t>(limit_ - position_); }

  bool Fault(const char* what, const char* where) {
    fault_ = what;
    fault_at_ = where;
    return false;
  }

  template <typename Read>
  ABSL_ATTRIBUTE_NOINLINE static WireCursor After(WireCursor cursor,
                                                  const Read& read) {
    read(&cursor);
    return cursor;
  }

  // Most have one byte; tags of the fields 16 to 2047 and many lengths have
  // two; times in microseconds have up to five.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool ReadVarintOf(const Varint& kind,
                                                 uint64_t* value) {
    const char* next = position_;
    uint64_t read = 0;
#pragma GCC unroll 5
    for (int i = 0; i < kind.inlined_bytes; ++i) {
      if (ABSL_PREDICT_FALSE(next == limit_)) {
        return Fault(kind.truncated, position_);
      }
      const uint64_t byte = static_cast<uint8_t>(*next++);
      read |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        *value = read;
        position_ = next;
        return true;
      }
    }
    uint64_t rest;
    next =
        RestOfVarint(next, limit_, kind.inlined_bytes, kind.max_bytes, &rest);
    if (ABSL_PREDICT_FALSE(next == nullptr)) {
      const bool is_truncated = Left() < static_cast<size_t>(kind.max_bytes);
      return Fault(is_truncated ? kind.truncated : kind.too_long, position_);
    }
    *value = read | rest;
    position_ = next;
    return true;
  }

  // The bits of a varint beyond its first `i` bytes; `next` follows these. Null
  // if it does not end before `limit`, or within `max_bytes`.
  ABSL_ATTRIBUTE_NOINLINE static const char* RestOfVarint(const char* next,
                                                          const char* limit,
                                                          int i, int max_bytes,
                                                          uint64_t* rest) {
    *rest = 0;
    for (; i < max_bytes && next != limit; ++i) {
      const uint64_t byte = static_cast<uint8_t>(*next++);
      *rest |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return next;
    }
    return nullptr;
  }

  template <typename Word>
  bool ReadFixed(const char* what, Word* value) {
    if (Left() < sizeof(Word)) return Fault(what, position_);
    *value = 0;
    for (size_t i = 0; i < sizeof(Word); ++i) {
      *value |= static_cast<Word>(static_cast<uint8_t>(*position_++))
                << (8 * i);
    }
    return true;
  }

  ABSL_ATTRIBUTE_NOINLINE bool SkipGroup(uint32_t start_tag, int depth) {
    if (depth == 0) return Fault(kTooDeep, position_);
    uint32_t tag;
    while (!AtEnd()) {
      const char* const start = position_;
      if (!ReadTag(&tag)) return false;
      if (WireFormatLite::GetTagWireType(tag) ==
          WireFormatLite::WIRETYPE_END_GROUP) {
        // An end tag is one more than its start tag.
        return tag == start_tag + 1 ||
               Fault("the end of another group than the one begun", start);
      }
      if (!Skip(tag, depth - 1)) return false;
    }
    return Fault("a group without its end", position_);
  }

  // The bytes; `limit_` is the end of the message that is being read.
  const char* begin_;
  const char* position_;
  const char* limit_;
  uint32_t fields_left_ = kAnyFields;

  // Set once, by the read that failed.
  const char* fault_ = "";
  const char* fault_at_ = nullptr;
};

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_WIRE_CURSOR_H_
