// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/status_details.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/match.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "pinion/proto/wire/utf8.h"

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

// google.rpc.RetryInfo
constexpr int kRetryDelayField = 1;

// google.protobuf.Duration
constexpr uint32_t kSecondsTag =
    WireFormatLite::MakeTag(1, WireFormatLite::WIRETYPE_VARINT);
constexpr uint32_t kNanosTag =
    WireFormatLite::MakeTag(2, WireFormatLite::WIRETYPE_VARINT);

constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";
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

// 0 is proto3's default and left out.
void AppendNumber(uint32_t tag, uint64_t value, std::string* out) {
  if (value == 0) return;
  AppendVarint(tag, out);
  AppendVarint(value, out);
}

// Empty is proto3's default and left out.
void AppendBytes(int field, absl::string_view bytes, std::string* out) {
  if (bytes.empty()) return;
  AppendVarint(BytesTag(field), out);
  AppendVarint(bytes.size(), out);
  out->append(bytes.data(), bytes.size());
}

std::string RetryInfo(uint64_t delay_us) {
  std::string duration;
  AppendNumber(kSecondsTag, delay_us / 1'000'000, &duration);
  AppendNumber(kNanosTag, delay_us % 1'000'000 * 1000, &duration);
  std::string info;
  AppendBytes(kRetryDelayField, duration, &info);
  return info;
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

std::string EncodeStatus(int code, absl::string_view message) {
  std::string status;
  AppendNumber(kCodeTag, static_cast<uint64_t>(code), &status);
  // Of text that is not UTF-8, most languages read nothing of all this.
  AppendBytes(kMessageField, ValidUtf8(message), &status);
  return status;
}

void AppendStatusDetail(absl::string_view type_url, absl::string_view message,
                        std::string* status) {
  std::string any;
  AppendBytes(kTypeUrlField, type_url, &any);
  AppendBytes(kValueField, message, &any);
  AppendBytes(kDetailsField, any, status);
}

std::string EncodeStatusDetails(int code, absl::string_view message,
                                const v1::Failure& failure) {
  std::string status = EncodeStatus(code, message);
  if (failure.retry_after_us() > 0) {
    AppendStatusDetail(kRetryInfoUrl, RetryInfo(failure.retry_after_us()),
                       &status);
  }
  AppendStatusDetail(kFailureUrl, failure.SerializeAsString(), &status);
  return status;
}

absl::Status StatusFromDetails(absl::string_view serialized) {
  int32_t code = 0;
  std::string message;
  CodedInputStream in = InputOf(serialized);
  while (const uint32_t tag = in.ReadTag()) {
    bool read = false;
    if (tag == kCodeTag) {
      read = WireFormatLite::ReadPrimitive<int32_t, WireFormatLite::TYPE_INT32>(
          &in, &code);
    } else if (tag == BytesTag(kMessageField)) {
      read = WireFormatLite::ReadBytes(&in, &message);
    } else {
      read = WireFormatLite::SkipField(&in, tag);
    }
    if (!read) return absl::OkStatus();
  }
  if (!in.ConsumedEntireMessage()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(code), message);
}

std::optional<v1::Failure> FailureFromStatusDetails(
    absl::string_view serialized) {
  std::optional<v1::Failure> failure;
  CodedInputStream in = InputOf(serialized);
  while (const uint32_t tag = in.ReadTag()) {
    if (tag != BytesTag(kDetailsField)) {
      if (!WireFormatLite::SkipField(&in, tag)) return std::nullopt;
      continue;
    }
    std::string detail;
    Any any;
    if (!WireFormatLite::ReadBytes(&in, &detail) || !DecodeAny(detail, &any)) {
      return std::nullopt;
    }
    if (failure.has_value() || !absl::EndsWith(any.type_url, kFailureName)) {
      continue;
    }
    if (!failure.emplace().ParseFromString(any.value)) return std::nullopt;
  }
  if (!in.ConsumedEntireMessage()) return std::nullopt;
  return failure;
}

}  // namespace pinion
