// SPDX-License-Identifier: Apache-2.0
//
// KeyReader: reads the key of a call from its serialized request, as protobuf
// would decode it, without parsing the request.
//
// Threads: immutable after Create(); any thread may Read().
// Example: absl::StatusOr<KeyReader> reader =
//              KeyReader::Create(AddRequest::descriptor(), "account.name");
//          absl::StatusOr<Key> key = reader->Read(serialized_request);
//          uint64_t place = key->Hash(seed);
#ifndef PINION_PROTO_WIRE_KEY_READER_H_
#define PINION_PROTO_WIRE_KEY_READER_H_

// For a short key, a call into the library costs as much as its hash.
#define XXH_INLINE_ALL
#include <xxhash.h>
#undef XXH_INLINE_ALL

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace pinion {

class WireCursor;

// A string or bytes key holds at least 1 byte and at most this many: it is
// hashed for each call and kept with what it names.
constexpr size_t kMaxKeyBytes = 1024;

// The decoded value of a key field. A key of bytes looks into the serialized
// request it was read from and must not outlive it; copies are cheap.
class Key {
 public:
  // A string or bytes field.
  static Key FromBytes(absl::string_view bytes) {
    return Key(Kind::kBytes, bytes, 0);
  }
  // An integer, enum (its number) or bool (0 or 1) field. The same number has
  // the same 64 bits, and hash, whatever the kind of its field.
  static Key FromSigned(int64_t value) {
    return Key(Kind::kSigned, absl::string_view(),
               static_cast<uint64_t>(value));
  }
  static Key FromUnsigned(uint64_t value) {
    return Key(Kind::kUnsigned, absl::string_view(), value);
  }

  bool is_bytes() const { return kind_ == Kind::kBytes; }
  // Empty unless is_bytes().
  absl::string_view bytes() const { return bytes_; }
  // 0 if is_bytes().
  uint64_t integer() const { return integer_; }

  // XXH3 of the bytes, or of the integer as 8 little-endian bytes: the same in
  // each process and on each machine.
  uint64_t Hash(uint64_t seed) const;

  // For messages and logs: 42, -1, "caf\xc3\xa9", "long..." (1024 bytes).
  std::string ToString() const;

 private:
  enum class Kind : uint8_t { kBytes, kSigned, kUnsigned };

  Key(Kind kind, absl::string_view bytes, uint64_t integer)
      : kind_(kind), bytes_(bytes), integer_(integer) {}

  Kind kind_;
  absl::string_view bytes_;
  uint64_t integer_;
};

inline uint64_t Key::Hash(uint64_t seed) const {
  if (is_bytes()) {
    return XXH3_64bits_withSeed(bytes_.data(), bytes_.size(), seed);
  }
  char little_endian[sizeof(integer_)];
  for (size_t i = 0; i < sizeof(integer_); ++i) {
    little_endian[i] = static_cast<char>(integer_ >> (8 * i));
  }
  return XXH3_64bits_withSeed(little_endian, sizeof(little_endian), seed);
}

class KeyReader {
 public:
  // `path` names singular message fields and at last a singular string, bytes,
  // integer, enum or bool field, joined by dots; none of them in a oneof.
  // INVALID_ARGUMENT says which part is wrong and what may stand there.
  // `request` must not be null and must outlive the reader.
  static absl::StatusOr<KeyReader> Create(
      const google::protobuf::Descriptor* request, absl::string_view path);

  // The key, which may look into `serialized_request`. An absent integer, enum
  // or bool is the field's default. INVALID_ARGUMENT: the bytes cannot be
  // decoded, or a string or bytes key is absent, empty or too long.
  //
  // Errors within fields beside the path, and strings that are not UTF-8, are
  // left for the parse of the request to find.
  absl::StatusOr<Key> Read(absl::string_view serialized_request) const;

 private:
  // How the wire value of the key field becomes a key.
  enum class Decode : uint8_t {
    kBytes,
    kVarint64,
    kVarint32,
    kSignedVarint32,
    kZigZag32,
    kZigZag64,
    kBool,
    kClosedEnum,
    kFixed32,
    kSignedFixed32,
    kFixed64,
  };

  KeyReader(
      const google::protobuf::Descriptor* request, absl::string_view path,
      const std::vector<const google::protobuf::FieldDescriptor*>& fields);

  bool ReadMessage(size_t level, int depth, WireCursor* cursor,
                   absl::string_view* bytes, uint64_t* integer) const;
  bool ReadValue(WireCursor* cursor, absl::string_view* bytes,
                 uint64_t* integer) const;
  absl::Status CannotDecode(const WireCursor& cursor) const;
  absl::Status BadLength(size_t length) const;

  // Fixed at construction; anyone may read.
  const google::protobuf::Descriptor* request_;
  const google::protobuf::FieldDescriptor* field_;  // The last of the path.
  std::string path_;
  std::vector<uint32_t> tags_;  // The tag of each field of the path.
  Decode decode_;
  bool signed_;
  uint64_t default_;
};

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_KEY_READER_H_
