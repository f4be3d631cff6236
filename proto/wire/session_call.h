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

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/proto/wire/session_metadata.h"
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

// The same for the ids of the calls to cancel. Without ids there are no bytes.
size_t CancelsSize(absl::Span<const uint64_t> ids);
uint8_t* WriteCancels(absl::Span<const uint64_t> ids, uint8_t* at);

// A whole OpenRequest, or the beginning or end of a larger one.
std::string EncodeClientHello(const v1::ClientHello& hello);
std::string EncodeMethodName(uint32_t index, absl::string_view name);
std::string EncodeCall(const OutgoingCall& call);

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_SESSION_CALL_H_
