// SPDX-License-Identifier: Apache-2.0
//
// Writes the answers of a session: a serialized OpenResponse piece by piece,
// byte for byte as protobuf writes it. Pieces that follow one another are one
// message.
//
// Threads: plain functions; any thread.
// Example: const OutgoingAnswer answer = {.id = 7, .payload = response};
//          uint8_t* at = Reserve(AnswerSize(answer));
//          at = WriteAnswer(answer, at);
#ifndef PINION_PROTO_WIRE_SESSION_ANSWER_H_
#define PINION_PROTO_WIRE_SESSION_ANSWER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/proto/wire/session_metadata.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/session.pb.h"
#include "pinion/v1/timing.pb.h"

namespace pinion {

// A SessionAnswer; see session.proto. The fields of an OK answer come first.
struct OutgoingAnswer {
  uint64_t id = 0;
  absl::string_view payload = {};
  int code = 0;
  absl::string_view message = {};        // Invalid UTF-8 is written as '?'.
  const v1::Failure* failure = nullptr;  // Null: none.
  const v1::Timing* timing = nullptr;    // Null: none.
  absl::string_view status_details = {};
  absl::Span<const MetadataView> trailing = {};
};

// Whether `answer` has only an id and a payload, as most have.
bool IsPlain(const OutgoingAnswer& answer);
// The number of bytes that WriteAnswer() writes.
size_t AnswerSize(const OutgoingAnswer& answer);

// The largest payload whose OK answer fits into a message of `message_bytes`
// with the longest id and Timing, but without trailing metadata; 0 if none
// does.
size_t LargestPayload(size_t message_bytes);

// Writes one answer of an OpenResponse. Returns where it ended.
uint8_t* WriteAnswer(const OutgoingAnswer& answer, uint8_t* at);

// Writes what comes before the payload in the answer of that id, with nothing
// else in it, at most 24 bytes. `payload_size` bytes must follow.
uint8_t* WriteAnswerHead(uint64_t id, size_t payload_size, uint8_t* at);
// The same in two steps, for many answers that differ only in their id: the
// common part of an answer without a payload, and each answer with it.
std::string EncodeAlike(const OutgoingAnswer& answer);
size_t AlikeAnswerSize(uint64_t id, absl::string_view alike);
uint8_t* WriteAlikeAnswer(uint64_t id, absl::string_view alike, uint8_t* at);

// A whole OpenResponse, or the beginning or end of a larger one.
std::string EncodeServerHello(const v1::ServerHello& hello);
std::string EncodeDrain(uint64_t grace_us, v1::DrainReason reason);

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_SESSION_ANSWER_H_
