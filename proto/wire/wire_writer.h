// SPDX-License-Identifier: Apache-2.0
//
// Writes protobuf fields, as protobuf does, into memory whose size was computed
// before. A field with its default value is left out.
//
// Threads: plain functions; any thread.
// Example: size_t size = NumberFieldSize(id) + BytesFieldSize(payload);
//          uint8_t* at = Reserve(size);
//          at = WriteNumberField(kIdTag, id, at);
//          at = WriteBytesField(kPayloadTag, payload, at);
//
// For fields 1 to 15: their tags take one byte.
#ifndef PINION_PROTO_WIRE_WIRE_WRITER_H_
#define PINION_PROTO_WIRE_WIRE_WRITER_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"
#include "google/protobuf/stubs/common.h"
#include "pinion/third_party/cpp20.h"

namespace pinion {

constexpr size_t kTagBytes = 1;

// A byte for each 7 bits, at least one: (bits + 6) / 7 without a division.
inline size_t VarintSize(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) * 9 + 64) / 64;
}

inline uint8_t* WriteVarint(uint64_t value, uint8_t* at) {
  while (value >= 0x80) {
    *at++ = static_cast<uint8_t>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<uint8_t>(value);
  return at;
}

inline uint8_t* WriteTag(uint32_t tag, uint8_t* at) {
  *at++ = static_cast<uint8_t>(tag);
  return at;
}

// The 64 bits written for a field of type int32 or of an enum.
inline uint64_t SignExtended(int32_t value) {
  return static_cast<uint64_t>(int64_t{value});
}

// A field of any integer type, an enum or a bool.
inline size_t NumberFieldSize(uint64_t value) {
  return value == 0 ? 0 : kTagBytes + VarintSize(value);
}
inline uint8_t* WriteNumberField(uint32_t tag, uint64_t value, uint8_t* at) {
  return value == 0 ? at : WriteVarint(value, WriteTag(tag, at));
}

// A message of this size, even 0.
inline size_t MessageFieldSize(size_t size) {
  return kTagBytes + VarintSize(size) + size;
}
// Everything but the message itself.
inline uint8_t* BeginMessageField(uint32_t tag, size_t size, uint8_t* at) {
  return WriteVarint(size, WriteTag(tag, at));
}

inline size_t BytesFieldSize(absl::string_view bytes) {
  return bytes.empty() ? 0 : MessageFieldSize(bytes.size());
}
inline uint8_t* WriteBytesField(uint32_t tag, absl::string_view bytes,
                                uint8_t* at) {
  if (bytes.empty()) return at;
  at = BeginMessageField(tag, bytes.size(), at);
  std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

// A string field is as large as a bytes field. Invalid UTF-8 in it is written
// as question marks, because protobuf would not read the whole message
// otherwise.
inline uint8_t* WriteTextField(uint32_t tag, absl::string_view text,
                               uint8_t* at) {
  if (text.empty()) return at;
  using google::protobuf::internal::UTF8CoerceToStructurallyValid;
  uint8_t* const end = WriteBytesField(tag, text, at);
  char* const copy = reinterpret_cast<char*>(end - text.size());
  // Leaves the copy alone if the text is valid.
  UTF8CoerceToStructurallyValid({text.data(), text.size()}, copy, '?');
  return end;
}

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_WIRE_WRITER_H_
