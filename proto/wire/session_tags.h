// SPDX-License-Identifier: Apache-2.0
//
// The tags of the fields of session.proto that are read or written by hand.
//
// Threads: constants.
// Example: if (tag == session_tags::kCallId) return cursor.ReadVarint(&id);
#ifndef PINION_PROTO_WIRE_SESSION_TAGS_H_
#define PINION_PROTO_WIRE_SESSION_TAGS_H_

#include <cstdint>

#include "google/protobuf/wire_format_lite.h"

namespace pinion::session_tags {

constexpr uint32_t Varint(int field) {
  using google::protobuf::internal::WireFormatLite;
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_VARINT);
}
// Strings, bytes, messages and packed numbers.
constexpr uint32_t Sized(int field) {
  using google::protobuf::internal::WireFormatLite;
  return WireFormatLite::MakeTag(field,
                                 WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

// OpenRequest
constexpr uint32_t kCall = Sized(1);
constexpr uint32_t kCancel = Varint(2);
constexpr uint32_t kPackedCancels = Sized(2);
constexpr uint32_t kClientHello = Sized(3);
constexpr uint32_t kMethodName = Sized(4);
constexpr uint32_t kSessionToken = Sized(5);

// SessionCall
constexpr uint32_t kCallId = Varint(1);
constexpr uint32_t kCallMethod = Sized(2);
constexpr uint32_t kCallPayload = Sized(3);
constexpr uint32_t kCallTimeout = Varint(4);
constexpr uint32_t kCallPriority = Varint(6);
constexpr uint32_t kCallWantTiming = Varint(7);
constexpr uint32_t kCallWorker = Varint(8);
constexpr uint32_t kCallMethodIndex = Varint(9);
constexpr uint32_t kCallMetadata = Sized(10);

// MethodName
constexpr uint32_t kMethodNameIndex = Varint(1);
constexpr uint32_t kMethodNameName = Sized(2);

// Metadata
constexpr uint32_t kMetadataName = Sized(1);
constexpr uint32_t kMetadataValue = Sized(2);

// ClientHello
constexpr uint32_t kClientHelloRevision = Varint(1);
constexpr uint32_t kClientHelloName = Sized(2);

// OpenResponse
constexpr uint32_t kAnswer = Sized(1);
constexpr uint32_t kServerHello = Sized(2);
constexpr uint32_t kDrain = Sized(3);

// SessionAnswer
constexpr uint32_t kAnswerId = Varint(1);
constexpr uint32_t kAnswerPayload = Sized(2);
constexpr uint32_t kAnswerCode = Varint(3);
constexpr uint32_t kAnswerMessage = Sized(4);
constexpr uint32_t kAnswerFailure = Sized(5);
constexpr uint32_t kAnswerTiming = Sized(6);
constexpr uint32_t kAnswerStatusDetails = Sized(7);
constexpr uint32_t kAnswerTrailing = Sized(8);

// ServerHello
constexpr uint32_t kServerHelloInstanceId = Sized(1);
constexpr uint32_t kServerHelloRevision = Varint(2);
constexpr uint32_t kServerHelloMaxOpenCalls = Varint(3);
constexpr uint32_t kServerHelloMaxOpenBytes = Varint(4);
constexpr uint32_t kServerHelloMaxMessageBytes = Varint(5);

// Drain
constexpr uint32_t kDrainGrace = Varint(1);
constexpr uint32_t kDrainReason = Varint(2);

}  // namespace pinion::session_tags

#endif  // PINION_PROTO_WIRE_SESSION_TAGS_H_
