// SPDX-License-Identifier: Apache-2.0
#include "proto/wire/status_details.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/match.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace pinion {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

// google.rpc.Status
constexpr uint32_t kCodeTag =
    WireFormatLite::MakeTag(1, WireFormatLite::WIRETYPE_VARINT);
constexpr int kMessageField = 2;
constexpr int kDetailsField = 3;

// google.protobuf.Any
constexpr int kTypeUrlField = 1;
constexpr int kValueField = 2;

constexpr char kFailureUrl[] = "type.googleapis.com/pinion.v1.Failure";
// What counts of a URL is what follows its last slash.
constexpr char kFailureName[] = "/pinion.v1.Failure";

constexpr uint32_t BytesTag(int field) {
  return WireFormatLite::MakeTag(field,
                                 WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

void AppendVarint(uint64_t value, std::string* out) {
  uint8_t buffer[10];  // The longest varint.
  const uint8_t* const end =
      CodedOutputStream::WriteVarint64ToArray(value, buffer);
  out->append(reinterpret_cast<const char*>(buffer),
              static_cast<size_t>(end - buffer));
}

// Empty is proto3's default and left out.
void AppendBytes(int field, absl::string_view bytes, std::string* out) {
  if (bytes.empty()) return;
  AppendVarint(BytesTag(field), out);
  AppendVarint(bytes.size(), out);
  out->append(bytes.data(), bytes.size());
}

CodedInputStream InputOf(absl::string_view bytes) {
  return CodedInputStream(reinterpret_cast<const uint8_t*>(bytes.data()),
                          static_cast<int>(bytes.size()));
}

struct Any {
  std::string type_url;
  std::string value;
};

bool DecodeAny(absl::string_view serialized, Any* any) {
  CodedInputStream in = InputOf(serialized);
  while (const uint32_t tag = in.ReadTag()) {
    bool read = false;
    if (tag == BytesTag(kTypeUrlField)) {
      read = WireFormatLite::ReadBytes(&in, &any->type_url);
    } else if (tag == BytesTag(kValueField)) {
      read = WireFormatLite::ReadBytes(&in, &any->value);
    } else {
      read = WireFormatLite::SkipField(&in, tag);
    }
    if (!read) return false;
  }
  return in.ConsumedEntireMessage();
}

}  // namespace

std::string EncodeStatusDetails(int code, absl::string_view message,
                                const v1::Failure& failure) {
  std::string any;
  AppendBytes(kTypeUrlField, kFailureUrl, &any);
  AppendBytes(kValueField, failure.SerializeAsString(), &any);

  std::string status;
  if (code != 0) {
    AppendVarint(kCodeTag, &status);
    AppendVarint(static_cast<uint64_t>(code), &status);
  }
  AppendBytes(kMessageField, message, &status);
  AppendBytes(kDetailsField, any, &status);
  return status;
}

absl::optional<v1::Failure> FailureFromStatusDetails(
    absl::string_view serialized) {
  absl::optional<v1::Failure> failure;
  CodedInputStream in = InputOf(serialized);
  while (const uint32_t tag = in.ReadTag()) {
    if (tag != BytesTag(kDetailsField)) {
      if (!WireFormatLite::SkipField(&in, tag)) return absl::nullopt;
      continue;
    }
    std::string detail;
    Any any;
    if (!WireFormatLite::ReadBytes(&in, &detail) || !DecodeAny(detail, &any)) {
      return absl::nullopt;
    }
    if (failure.has_value() || !absl::EndsWith(any.type_url, kFailureName)) {
      continue;
    }
    if (!failure.emplace().ParseFromString(any.value)) return absl::nullopt;
  }
  if (!in.ConsumedEntireMessage()) return absl::nullopt;
  return failure;
}

}  // namespace pinion
