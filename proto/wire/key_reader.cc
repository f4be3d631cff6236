// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/key_reader.h"

#include <utility>

#include "absl/base/optimization.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/wire_format.h"
#include "pinion/proto/wire/nearest_first.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/proto/wire/wire_cursor.h"

namespace pinion {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::internal::WireFormat;
using google::protobuf::internal::WireFormatLite;

// Short enough for a line. What was misspelt comes first.
constexpr size_t kListedFields = 8;

bool IsMessage(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
}

// Why `field` may not be the part of a key path at whose end (`last`) or
// before whose end it stands; empty if it may.
absl::string_view WhyNot(const FieldDescriptor& field, bool last) {
  if (field.is_map()) return "is a map field";
  if (field.is_repeated()) return "is a repeated field";
  if (field.real_containing_oneof() != nullptr) return "is a field of a oneof";
  if (field.type() == FieldDescriptor::TYPE_GROUP) return "is a group";
  if (!last) return IsMessage(field) ? "" : "is not a message field";
  if (IsMessage(field)) return "is a message field";
  const bool is_float = field.cpp_type() == FieldDescriptor::CPPTYPE_FLOAT ||
                        field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE;
  return is_float ? "is a floating-point field" : "";
}

std::string FieldsThatMayStand(const Descriptor& message, bool last,
                               absl::string_view instead_of) {
  std::vector<std::string> names;
  for (int i = 0; i < message.field_count(); ++i) {
    if (!WhyNot(*message.field(i), last).empty()) continue;
    names.push_back(message.field(i)->name());
  }
  names = NearestFirst(instead_of, std::move(names));
  if (names.size() > kListedFields) {
    names.resize(kListedFields);
    names.push_back("...");
  }
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

absl::Status Refusal(const Descriptor& request, absl::string_view path,
                     const Descriptor& message, absl::string_view component,
                     absl::string_view why, bool last) {
  return absl::InvalidArgumentError(absl::StrCat(
      "key path '", Escaped(path), "' of ", request.full_name(), ": '",
      Escaped(component), "' ", why, "; valid is a singular ",
      last ? "string, bytes, integer, enum or bool" : "message",
      " field outside a oneof, of ", message.full_name(), ": ",
      FieldsThatMayStand(message, last, component)));
}

// Whether protobuf takes an undeclared number of the enum for an unknown field.
// It goes by the file of the field, not by that of the enum.
bool IsClosedEnum(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_ENUM &&
         field.file()->syntax() != FileDescriptor::SYNTAX_PROTO3;
}

bool IsSigned(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_INT32 ||
         field.cpp_type() == FieldDescriptor::CPPTYPE_INT64 ||
         field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM;
}

uint64_t SignExtended(uint32_t value) {
  return static_cast<uint64_t>(
      static_cast<int64_t>(static_cast<int32_t>(value)));
}

uint64_t DefaultOf(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return SignExtended(static_cast<uint32_t>(field.default_value_int32()));
    case FieldDescriptor::CPPTYPE_INT64:
      return static_cast<uint64_t>(field.default_value_int64());
    case FieldDescriptor::CPPTYPE_UINT32:
      return field.default_value_uint32();
    case FieldDescriptor::CPPTYPE_UINT64:
      return field.default_value_uint64();
    case FieldDescriptor::CPPTYPE_BOOL:
      return field.default_value_bool() ? 1 : 0;
    case FieldDescriptor::CPPTYPE_ENUM:
      return SignExtended(
          static_cast<uint32_t>(field.default_value_enum()->number()));
    default:
      return 0;  // A string or bytes key has none.
  }
}

}  // namespace

absl::StatusOr<KeyReader> KeyReader::Create(const Descriptor* request,
                                            absl::string_view path) {
  const std::vector<std::string> components = absl::StrSplit(path, '.');
  std::vector<const FieldDescriptor*> fields;
  const Descriptor* message = request;
  for (const std::string& component : components) {
    const bool last = fields.size() + 1 == components.size();
    const FieldDescriptor* field = message->FindFieldByName(component);
    const absl::string_view why = component.empty()  ? "is not a field name"
                                  : field == nullptr ? "is not a field"
                                                     : WhyNot(*field, last);
    if (!why.empty()) {
      return Refusal(*request, path, *message, component, why, last);
    }
    fields.push_back(field);
    message = field->message_type();
  }
  return KeyReader(request, path, fields);
}

KeyReader::KeyReader(const Descriptor* request, absl::string_view path,
                     const std::vector<const FieldDescriptor*>& fields)
    : request_(request),
      field_(fields.back()),
      path_(path),
      signed_(IsSigned(*field_)),
      default_(DefaultOf(*field_)) {
  for (const FieldDescriptor* field : fields) {
    tags_.push_back(WireFormat::MakeTag(field));
  }
  switch (field_->type()) {
    case FieldDescriptor::TYPE_INT64:
    case FieldDescriptor::TYPE_UINT64:
      decode_ = Decode::kVarint64;
      break;
    case FieldDescriptor::TYPE_INT32:
      decode_ = Decode::kSignedVarint32;
      break;
    case FieldDescriptor::TYPE_UINT32:
      decode_ = Decode::kVarint32;
      break;
    case FieldDescriptor::TYPE_SINT32:
      decode_ = Decode::kZigZag32;
      break;
    case FieldDescriptor::TYPE_SINT64:
      decode_ = Decode::kZigZag64;
      break;
    case FieldDescriptor::TYPE_FIXED32:
      decode_ = Decode::kFixed32;
      break;
    case FieldDescriptor::TYPE_SFIXED32:
      decode_ = Decode::kSignedFixed32;
      break;
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      decode_ = Decode::kFixed64;
      break;
    case FieldDescriptor::TYPE_BOOL:
      decode_ = Decode::kBool;
      break;
    case FieldDescriptor::TYPE_ENUM:
      decode_ =
          IsClosedEnum(*field_) ? Decode::kClosedEnum : Decode::kSignedVarint32;
      break;
    default:  // Create() lets nothing else through than string and bytes.
      decode_ = Decode::kBytes;
      break;
  }
}

absl::StatusOr<Key> KeyReader::Read(
    absl::string_view serialized_request) const {
  WireCursor cursor(serialized_request);
  absl::string_view bytes;
  uint64_t integer = default_;
  if (ABSL_PREDICT_FALSE(
          !ReadMessage(0, WireCursor::kMaxDepth, &cursor, &bytes, &integer))) {
    return CannotDecode(cursor);
  }
  if (decode_ != Decode::kBytes) {
    return signed_ ? Key::FromSigned(static_cast<int64_t>(integer))
                   : Key::FromUnsigned(integer);
  }
  if (ABSL_PREDICT_FALSE(bytes.empty() || bytes.size() > kMaxKeyBytes)) {
    return BadLength(bytes.size());
  }
  return Key::FromBytes(bytes);
}

// Reads the fields of the message that holds field `level` of the path. What a
// later occurrence does not hold keeps its value: that is protobuf's merge.
bool KeyReader::ReadMessage(size_t level, int depth, WireCursor* cursor,
                            absl::string_view* bytes, uint64_t* integer) const {
  const uint32_t wanted = tags_[level];
  const bool last = level + 1 == tags_.size();
  while (!cursor->AtEnd()) {
    uint32_t tag;
    if (!cursor->ReadTag(&tag)) return false;
    if (tag != wanted) {
      if (!cursor->Skip(tag, depth)) return false;
    } else if (last) {
      if (!ReadValue(cursor, bytes, integer)) return false;
    } else {
      const char* const outer_limit = cursor->Enter(depth);
      if (outer_limit == nullptr) return false;
      if (!ReadMessage(level + 1, depth - 1, cursor, bytes, integer)) {
        return false;
      }
      cursor->Leave(outer_limit);
    }
  }
  return true;
}

bool KeyReader::ReadValue(WireCursor* cursor, absl::string_view* bytes,
                          uint64_t* integer) const {
  uint64_t varint = 0;
  uint32_t fixed32 = 0;
  switch (decode_) {
    case Decode::kBytes:
      return cursor->ReadBytes(bytes);
    case Decode::kFixed64:
      return cursor->ReadFixed64(integer);
    case Decode::kFixed32:
      if (!cursor->ReadFixed32(&fixed32)) return false;
      *integer = fixed32;
      return true;
    case Decode::kSignedFixed32:
      if (!cursor->ReadFixed32(&fixed32)) return false;
      *integer = SignExtended(fixed32);
      return true;
    default:
      if (!cursor->ReadVarint(&varint)) return false;
      break;
  }
  const uint32_t low = static_cast<uint32_t>(varint);
  switch (decode_) {
    case Decode::kVarint32:
      *integer = low;
      break;
    case Decode::kSignedVarint32:
      *integer = SignExtended(low);
      break;
    case Decode::kZigZag32:
      *integer = SignExtended(
          static_cast<uint32_t>(WireFormatLite::ZigZagDecode32(low)));
      break;
    case Decode::kZigZag64:
      *integer = static_cast<uint64_t>(WireFormatLite::ZigZagDecode64(varint));
      break;
    case Decode::kBool:
      *integer = varint != 0 ? 1 : 0;
      break;
    case Decode::kClosedEnum:
      if (field_->enum_type()->FindValueByNumber(static_cast<int>(low)) !=
          nullptr) {
        *integer = SignExtended(low);
      }
      break;
    default:
      *integer = varint;
      break;
  }
  return true;
}

absl::Status KeyReader::CannotDecode(const WireCursor& cursor) const {
  return absl::InvalidArgumentError(absl::StrCat(
      "cannot decode ", request_->full_name(), " to read its key '", path_,
      "': ", cursor.fault(), " at byte ", cursor.offset()));
}

absl::Status KeyReader::BadLength(size_t length) const {
  if (length == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the key field '", path_, "' of ", request_->full_name(),
        " is empty or absent; it must hold 1 to ", kMaxKeyBytes, " bytes"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the key field '", path_, "' of ", request_->full_name(), " holds ",
      length, " bytes; it must hold 1 to ", kMaxKeyBytes, " bytes"));
}

}  // namespace pinion
