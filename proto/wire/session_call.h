// SPDX-License-Identifier: Apache-2.0
//
// Writes the calls of a session: a serialized OpenRequest piece by piece, byte
// for byte as protobuf writes it. Pieces that follow one another are one
// message.
//
// Threads: plain functions; any thread.
// Example: const OutgoingCall call = {.id = 7, .payload = request,
//                                     .method_index = 1};
//          uint8_t* at = Reserve(CallSize(call));
//          at = WriteCall(call, at);
#ifndef PINION_PROTO_WIRE_SESSION_CALL_H_
#define PINION_PROTO_WIRE_SESSION_CALL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "absl/base/optimization.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/proto/wire/session_metadata.h"
#include "pinion/proto/wire/session_tags.h"
#include "pinion/proto/wire/wire_writer.h"
#include "pinion/v1/priority.pb.h"
#include "pinion/v1/session.pb.h"

namespace pinion {

// A SessionCall; see session.proto.
struct OutgoingCall {
  uint64_t id = 0;
  absl::string_view method = {};  // Invalid UTF-8 is written as '?'.
  absl::string_view payload = {};
  uint64_t timeout_us = 0;
  v1::Priority priority = v1::PRIORITY_UNSPECIFIED;
  bool want_timing = false;
  std::optional<uint32_t> worker = {};
  uint32_t method_index = 0;
  absl::Span<const MetadataView> metadata = {};
};

// The number of bytes that WriteCall() writes.
size_t CallSize(const OutgoingCall& call);

// Writes one call of an OpenRequest. Returns where it ended.
uint8_t* WriteCall(const OutgoingCall& call, uint8_t* at);

// The end of a plain call: the fields behind its payload. Many calls have the
// same one.
class PlainCallEnd {
 public:
  // `method_index` is at most session_protocol::kMaxMethodIndex.
  PlainCallEnd(uint64_t timeout_us, uint32_t method_index) {
    uint8_t* at =
        WriteNumberField(session_tags::kCallTimeout, timeout_us, bytes_.data());
    at = WriteNumberField(session_tags::kCallMethodIndex, method_index, at);
    size_ = static_cast<size_t>(at - bytes_.data());
  }

  size_t size() const { return size_; }
  // Writes 16 bytes, whatever its size. Returns where it ended.
  uint8_t* Write(uint8_t* at) const {
    std::memcpy(at, bytes_.data(), bytes_.size());
    return at + size_;
  }

 private:
  std::array<uint8_t, 16> bytes_ = {};  // It takes up to 14.
  size_t size_;
};

// What WritePlainCall() writes at most, and may overwrite behind it, besides
// the payload.
inline constexpr size_t kPlainCallBytes = 48;

// Writes a call that has no other fields, as most have, in a part of the time
// that WriteCall() takes. The bytes are the same.
inline uint8_t* WritePlainCall(uint64_t id, absl::string_view payload,
                               const PlainCallEnd& end, uint8_t* at) {
  using namespace session_tags;
  // Then any length within the call takes one byte.
  constexpr size_t kShort = 127 - (kTagBytes + 10) - (kTagBytes + 1) - 14;
  size_t length_bytes = 1;
  if (ABSL_PREDICT_FALSE(payload.size() > kShort)) {
    length_bytes =
        VarintSize(NumberFieldSize(id) + BytesFieldSize(payload) + end.size());
  }
  uint8_t* const length_at = WriteTag(kCall, at);
  uint8_t* const begin = length_at + length_bytes;
  at = WriteNumberField(kCallId, id, begin);
  at = WriteBytesField(kCallPayload, payload, at);
  at = end.Write(at);
  WriteVarint(static_cast<size_t>(at - begin), length_at);
  return at;
}

// The same for the ids of the calls to cancel. Without ids there are no bytes.
size_t CancelsSize(absl::Span<const uint64_t> ids);
uint8_t* WriteCancels(absl::Span<const uint64_t> ids, uint8_t* at);

// A whole OpenRequest, or the beginning or end of a larger one.
std::string EncodeClientHello(const v1::ClientHello& hello);
std::string EncodeMethodName(uint32_t index, absl::string_view name);
std::string EncodeSessionToken(absl::string_view token);
std::string EncodeCall(const OutgoingCall& call);

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_SESSION_CALL_H_
