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

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "pinion/proto/wire/key.h"

namespace pinion {

class WireCursor;

class KeyReader {
 public:
  // `path` names singular message fields and finally a singular string, bytes,
  // integer, enum or bool field, joined by dots; none of them in a oneof.
  // INVALID_ARGUMENT says which part is wrong and what is allowed there.
  // `request` must not be null and must outlive the reader.
  static absl::StatusOr<KeyReader> Create(
      const google::protobuf::Descriptor* request, absl::string_view path);

  // The key, which may point into `serialized_request`. An absent integer, enum
  // or bool is the field's default. INVALID_ARGUMENT if the bytes cannot be
  // decoded, or if a string or bytes key is absent, empty or too long.
  //
  // Parsing the request later finds errors within other fields, and strings
  // that are not UTF-8; Read() does not.
  absl::StatusOr<Key> Read(absl::string_view serialized_request) const;

  // As it was given to Create().
  const std::string& path() const { return path_; }

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

  // Fixed at construction; any thread may read.
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
