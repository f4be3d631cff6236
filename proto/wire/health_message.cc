// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/health_message.h"

#include <cstdint>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace pinion {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// HealthCheckRequest.service
constexpr uint32_t kServiceTag =
    WireFormatLite::MakeTag(1, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
// HealthCheckResponse.status
constexpr uint32_t kStatusTag =
    WireFormatLite::MakeTag(1, WireFormatLite::WIRETYPE_VARINT);

}  // namespace

std::optional<std::string> ServiceInHealthRequest(
    absl::string_view serialized) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(serialized.data()),
                      static_cast<int>(serialized.size()));
  std::string service;
  while (const uint32_t tag = in.ReadTag()) {
    const bool read = tag == kServiceTag
                          ? WireFormatLite::ReadBytes(&in, &service)
                          : WireFormatLite::SkipField(&in, tag);
    if (!read) return std::nullopt;
  }
  if (!in.ConsumedEntireMessage()) return std::nullopt;
  return service;
}

std::string EncodeHealthResponse(HealthStatus status) {
  // Two varints below 128: a byte each.
  return {static_cast<char>(kStatusTag), static_cast<char>(status)};
}

}  // namespace pinion
