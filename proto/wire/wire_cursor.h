// SPDX-License-Identifier: Apache-2.0
//
// WireCursor: walks over serialized protobuf fields, field by field, without
// building messages and without allocating.
//
// Threads: one at a time; a cursor lives on the stack of one read.
// Faults:  a read that returns false is final; fault() and offset() tell why.
//          A fault is always one for which protobuf's own parser fails too.
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
  // As protobuf's: this many messages and groups may lie in one another.
  static constexpr int kMaxDepth = 100;

  // The bytes must outlive the cursor.
  explicit WireCursor(absl::string_view bytes)
      : begin_(bytes.data()),
        position_(bytes.data()),
        limit_(bytes.data() + bytes.size()) {}

  bool AtEnd() const { return position_ == limit_; }

  // What is wrong, as words for a message, and where.
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
    return true;
  }

  // Bits beyond the 64th are dropped, as protobuf does.
  bool ReadVarint(uint64_t* value) { return ReadVarintOf(kVarint, value); }

  bool ReadFixed32(uint32_t* value) {
    return ReadFixed("a truncated 4-byte value", value);
  }
  bool ReadFixed64(uint64_t* value) {
    return ReadFixed("a truncated 8-byte value", value);
  }

  // A length and as many bytes; the view looks into the cursor's bytes.
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

  // Enters the message that starts here: until Leave() the cursor's end is the
  // message's. Returns the end to hand to Leave(), or null upon a fault.
  // `depth` is how many more levels are allowed here.
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

  // Steps over the value of the field whose tag was just read.
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

 private:
  using WireFormatLite = google::protobuf::internal::WireFormatLite;

  // How many bytes protobuf reads of each varint before it gives up.
  struct Varint {
    int max_bytes;
    const char* truncated;
    const char* too_long;
  };
  static constexpr Varint kTag = {5, "a truncated field tag",
                                  "a field tag of more than 5 bytes"};
  static constexpr Varint kLength = {5, "a truncated length",
                                     "a length of more than 5 bytes"};
  static constexpr Varint kVarint = {10, "a truncated varint",
                                     "a varint of more than 10 bytes"};

  static constexpr uint32_t kFirstTag = 1 << 3;  // Of the field number 1.
  static constexpr const char* kTooDeep =
      "messages or groups more than 100 levels deep";

  size_t Left() const { return static_cast<size_t>(limit_ - position_); }

  ABSL_ATTRIBUTE_NOINLINE bool Fault(const char* what, const char* where) {
    fault_ = what;
    fault_at_ = where;
    return false;
  }

  // Most are of one byte, and the tags of the fields 16 to 2047 of two.
  bool ReadVarintOf(const Varint& kind, uint64_t* value) {
    if (ABSL_PREDICT_TRUE(Left() >= 2)) {
      const uint8_t first = static_cast<uint8_t>(position_[0]);
      const uint8_t second = static_cast<uint8_t>(position_[1]);
      if (first < 0x80) {
        *value = first;
        position_ += 1;
        return true;
      }
      if (second < 0x80) {
        *value = (first & 0x7fu) | static_cast<uint32_t>(second) << 7;
        position_ += 2;
        return true;
      }
    }
    return ReadLongVarint(kind, value);
  }

  ABSL_ATTRIBUTE_NOINLINE bool ReadLongVarint(const Varint& kind,
                                              uint64_t* value) {
    const char* const start = position_;
    *value = 0;
    for (int i = 0; i < kind.max_bytes; ++i) {
      if (AtEnd()) return Fault(kind.truncated, start);
      const uint8_t byte = static_cast<uint8_t>(*position_++);
      *value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) return true;
    }
    return Fault(kind.too_long, start);
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
  const char* const begin_;
  const char* position_;
  const char* limit_;

  // Set once, by the read that failed.
  const char* fault_ = "";
  const char* fault_at_ = nullptr;
};

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_WIRE_CURSOR_H_
