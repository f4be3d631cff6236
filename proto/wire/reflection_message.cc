// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/reflection_message.h"

#include <cstring>

#include "google/protobuf/stubs/common.h"
#include "google/protobuf/wire_format_lite.h"
#include "pinion/proto/wire/wire_cursor.h"
#include "pinion/proto/wire/wire_writer.h"

namespace pinion {
namespace {

using google::protobuf::internal::IsStructurallyValidUTF8;
using google::protobuf::internal::WireFormatLite;
using Kind = ReflectionQuestion::Kind;

constexpr uint32_t BytesTag(int field) {
  return WireFormatLite::MakeTag(field,
                                 WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}
constexpr uint32_t NumberTag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_VARINT);
}

// ServerReflectionRequest
constexpr uint32_t kHostTag = BytesTag(1);
constexpr uint32_t kFileByNameTag = BytesTag(3);
constexpr uint32_t kFileOfSymbolTag = BytesTag(4);
constexpr uint32_t kFileOfExtensionTag = BytesTag(5);
constexpr uint32_t kExtensionsOfTypeTag = BytesTag(6);
constexpr uint32_t kListServicesTag = BytesTag(7);
// ExtensionRequest
constexpr uint32_t kContainingTypeTag = BytesTag(1);
constexpr uint32_t kExtensionNumberTag = NumberTag(2);
// ServerReflectionResponse
constexpr uint32_t kValidHostTag = BytesTag(1);
constexpr uint32_t kOriginalRequestTag = BytesTag(2);
constexpr uint32_t kFilesTag = BytesTag(4);
constexpr uint32_t kExtensionsTag = BytesTag(5);
constexpr uint32_t kServicesTag = BytesTag(6);
constexpr uint32_t kErrorTag = BytesTag(7);
// FileDescriptorResponse
constexpr uint32_t kFileTag = BytesTag(1);
// ExtensionNumberResponse
constexpr uint32_t kBaseTypeTag = BytesTag(1);
constexpr uint32_t kNumbersTag = BytesTag(2);  // Packed.
// ListServiceResponse and ServiceResponse
constexpr uint32_t kServiceTag = BytesTag(1);
constexpr uint32_t kServiceNameTag = BytesTag(1);
// ErrorResponse
constexpr uint32_t kErrorCodeTag = NumberTag(1);
constexpr uint32_t kErrorMessageTag = BytesTag(2);

// The levels that are allowed below a message, and below one of its own.
constexpr int kDepth = WireCursor::kMaxDepth;
constexpr int kInnerDepth = kDepth - 1;

// Calls `read` with the tag of each field, whose value it reads. Returns
// whether the whole message was read.
template <typename Read>
bool ReadFields(WireCursor& in, Read read) {
  uint32_t tag;
  while (!in.AtEnd()) {
    if (!in.ReadTag(&tag) || !read(tag)) return false;
  }
  return true;
}

bool ReadAny(WireCursor& in, std::string* bytes) {
  absl::string_view view;
  if (!in.ReadBytes(&view)) return false;
  *bytes = std::string(view);
  return true;
}

bool ReadText(WireCursor& in, std::string* text) {
  return ReadAny(in, text) &&
         IsStructurallyValidUTF8(text->data(), static_cast<int>(text->size()));
}

bool ReadNumber(WireCursor& in, int32_t* number) {
  uint32_t bits;
  if (!in.ReadVarint32(&bits)) return false;
  *number = static_cast<int32_t>(bits);
  return true;
}

bool ReadExtension(WireCursor& in, ReflectionQuestion& question) {
  return in.ReadMessage(kDepth, [&](uint32_t tag) {
    switch (tag) {
      case kContainingTypeTag:
        return ReadText(in, &question.name);
      case kExtensionNumberTag:
        return ReadNumber(in, &question.number);
      default:
        return in.Skip(tag, kInnerDepth);
    }
  });
}

Kind KindOf(uint32_t tag) {
  switch (tag) {
    case kFileByNameTag:
      return Kind::kFileByName;
    case kFileOfSymbolTag:
      return Kind::kFileOfSymbol;
    case kFileOfExtensionTag:
      return Kind::kFileOfExtension;
    case kExtensionsOfTypeTag:
      return Kind::kExtensionsOfType;
    case kListServicesTag:
      return Kind::kListServices;
    default:
      return Kind::kNone;
  }
}

uint32_t TagOf(Kind kind) {
  switch (kind) {
    case Kind::kNone:
      break;
    case Kind::kFileByName:
      return kFileByNameTag;
    case Kind::kFileOfSymbol:
      return kFileOfSymbolTag;
    case Kind::kFileOfExtension:
      return kFileOfExtensionTag;
    case Kind::kExtensionsOfType:
      return kExtensionsOfTypeTag;
    case Kind::kListServices:
      return kListServicesTag;
  }
  return 0;
}

// The members of a oneof, of which the last counts. What is given in pieces is
// merged, as for each message.
bool ReadAsked(WireCursor& in, Kind kind, ReflectionQuestion& question) {
  const bool goes_on = kind == Kind::kFileOfExtension && kind == question.kind;
  if (!goes_on) {
    question.name.clear();
    question.number = 0;
  }
  question.kind = kind;
  return kind == Kind::kFileOfExtension ? ReadExtension(in, question)
                                        : ReadText(in, &question.name);
}

bool ReadService(WireCursor& in, std::string* name) {
  return in.ReadMessage(kInnerDepth, [&](uint32_t tag) {
    return tag == kServiceNameTag ? ReadText(in, name)
                                  : in.Skip(tag, kInnerDepth - 1);
  });
}

bool ReadServices(WireCursor& in, std::vector<std::string>& services) {
  return in.ReadMessage(kDepth, [&](uint32_t tag) {
    return tag == kServiceTag ? ReadService(in, &services.emplace_back())
                              : in.Skip(tag, kInnerDepth);
  });
}

bool ReadFiles(WireCursor& in, std::vector<std::string>& files) {
  return in.ReadMessage(kDepth, [&](uint32_t tag) {
    return tag == kFileTag ? ReadAny(in, &files.emplace_back())
                           : in.Skip(tag, kInnerDepth);
  });
}

bool ReadError(WireCursor& in, ReflectionAnswer& answer) {
  return in.ReadMessage(kDepth, [&](uint32_t tag) {
    switch (tag) {
      case kErrorCodeTag:
        return ReadNumber(in, &answer.error_code);
      case kErrorMessageTag:
        return ReadAny(in, &answer.error_message);  // It is only shown.
      default:
        return in.Skip(tag, kInnerDepth);
    }
  });
}

// The beginning of a response, up to the message in its field `tag`, which has
// `size` bytes; room for `more` bytes behind that.
std::string BeginResponse(const ReflectionAsked& asked, uint32_t tag,
                          size_t size, size_t more) {
  const size_t head = BytesFieldSize(asked.host) +
                      MessageFieldSize(asked.request.size()) + kTagBytes +
                      VarintSize(size);
  std::string bytes;
  bytes.reserve(head + more);
  bytes.resize(head);
  auto* at = reinterpret_cast<uint8_t*>(bytes.data());
  at = WriteBytesField(kValidHostTag, asked.host, at);
  at = BeginMessageField(kOriginalRequestTag, asked.request.size(), at);
  std::memcpy(at, asked.request.data(), asked.request.size());
  BeginMessageField(tag, size, at + asked.request.size());
  return bytes;
}

// A response with a message that `write` writes, which has `size` bytes.
template <typename Write>
std::string Response(const ReflectionAsked& asked, uint32_t tag, size_t size,
                     Write write) {
  std::string bytes = BeginResponse(asked, tag, size, size);
  const size_t head = bytes.size();
  bytes.resize(head + size);
  write(reinterpret_cast<uint8_t*>(bytes.data()) + head);
  return bytes;
}

}  // namespace

std::optional<ReflectionQuestion> ReadReflectionQuestion(
    absl::string_view serialized) {
  WireCursor in(serialized);
  ReflectionQuestion question;
  const bool read = ReadFields(in, [&](uint32_t tag) {
    if (tag == kHostTag) return ReadText(in, &question.host);
    const Kind kind = KindOf(tag);
    return kind == Kind::kNone ? in.Skip(tag, kDepth)
                               : ReadAsked(in, kind, question);
  });
  if (!read) return std::nullopt;
  return question;
}

std::string EncodeReflectionQuestion(const ReflectionQuestion& question) {
  const bool is_message = question.kind == Kind::kFileOfExtension;
  const uint64_t number = SignExtended(question.number);
  const size_t asked =
      is_message ? BytesFieldSize(question.name) + NumberFieldSize(number)
                 : question.name.size();
  // A member of a oneof is written also if it is empty.
  std::string bytes(
      BytesFieldSize(question.host) +
          (question.kind == Kind::kNone ? 0 : MessageFieldSize(asked)),
      '\0');
  auto* at = reinterpret_cast<uint8_t*>(bytes.data());
  at = WriteBytesField(kHostTag, question.host, at);
  if (question.kind == Kind::kNone) return bytes;
  at = BeginMessageField(TagOf(question.kind), asked, at);
  if (is_message) {
    at = WriteBytesField(kContainingTypeTag, question.name, at);
    WriteNumberField(kExtensionNumberTag, number, at);
  } else {
    std::memcpy(at, question.name.data(), question.name.size());
  }
  return bytes;
}

std::string EncodeReflectionError(const ReflectionAsked& asked, int code,
                                  absl::string_view message) {
  const uint64_t number = SignExtended(code);
  return Response(asked, kErrorTag,
                  NumberFieldSize(number) + BytesFieldSize(message),
                  [&](uint8_t* at) {
                    at = WriteNumberField(kErrorCodeTag, number, at);
                    WriteTextField(kErrorMessageTag, message, at);
                  });
}

std::string EncodeReflectionServices(const ReflectionAsked& asked,
                                     absl::Span<const std::string> names) {
  size_t size = 0;
  for (const std::string& name : names) {
    size += MessageFieldSize(BytesFieldSize(name));
  }
  return Response(asked, kServicesTag, size, [&](uint8_t* at) {
    for (const std::string& name : names) {
      at = BeginMessageField(kServiceTag, BytesFieldSize(name), at);
      at = WriteBytesField(kServiceNameTag, name, at);
    }
  });
}

std::string EncodeReflectionExtensions(const ReflectionAsked& asked,
                                       absl::string_view type,
                                       absl::Span<const int32_t> numbers) {
  size_t packed = 0;
  for (const int32_t number : numbers) {
    packed += VarintSize(SignExtended(number));
  }
  const size_t size =
      BytesFieldSize(type) + (numbers.empty() ? 0 : MessageFieldSize(packed));
  return Response(asked, kExtensionsTag, size, [&](uint8_t* at) {
    at = WriteBytesField(kBaseTypeTag, type, at);
    if (numbers.empty()) return;
    at = BeginMessageField(kNumbersTag, packed, at);
    for (const int32_t number : numbers) {
      at = WriteVarint(SignExtended(number), at);
    }
  });
}

std::string BeginReflectionFiles(const ReflectionAsked& asked,
                                 size_t bytes_of_files) {
  return BeginResponse(asked, kFilesTag, bytes_of_files, /*more=*/0);
}

std::string EncodeReflectionFile(absl::string_view file) {
  std::string bytes(MessageFieldSize(file.size()), '\0');
  auto* at = reinterpret_cast<uint8_t*>(bytes.data());
  at = BeginMessageField(kFileTag, file.size(), at);
  std::memcpy(at, file.data(), file.size());
  return bytes;
}

std::optional<ReflectionAnswer> ReadReflectionAnswer(
    absl::string_view serialized) {
  WireCursor in(serialized);
  ReflectionAnswer answer;
  const bool read = ReadFields(in, [&](uint32_t tag) {
    switch (tag) {
      case kFilesTag:
        return ReadFiles(in, answer.files);
      case kServicesTag:
        return ReadServices(in, answer.services);
      case kErrorTag:
        return ReadError(in, answer);
      default:
        return in.Skip(tag, kDepth);
    }
  });
  if (!read) return std::nullopt;
  return answer;
}

}  // namespace pinion
