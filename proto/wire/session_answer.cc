// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/session_answer.h"

#include <algorithm>
#include <limits>

#include "absl/base/optimization.h"
#include "pinion/proto/wire/session_tags.h"
#include "pinion/proto/wire/wire_writer.h"

namespace pinion {
namespace {

template <typename Message>
size_t SizeOf(const Message* message) {
  return message == nullptr ? 0 : MessageFieldSize(message->ByteSizeLong());
}

template <typename Message>
uint8_t* WriteMessage(uint32_t tag, const Message* message, uint8_t* at) {
  if (message == nullptr) return at;
  at = BeginMessageField(tag, message->ByteSizeLong(), at);
  return message->SerializeWithCachedSizesToArray(at);
}

size_t PlainSize(const OutgoingAnswer& answer) {
  return NumberFieldSize(answer.id) + BytesFieldSize(answer.payload);
}

size_t SizeOfRest(const OutgoingAnswer& answer) {
  return NumberFieldSize(SignExtended(answer.code)) +
         BytesFieldSize(answer.message) + SizeOf(answer.failure) +
         SizeOf(answer.timing) + BytesFieldSize(answer.status_details) +
         MetadataSize(answer.trailing);
}

uint8_t* WriteRest(const OutgoingAnswer& answer, uint8_t* at) {
  using namespace session_tags;
  at = WriteNumberField(kAnswerCode, SignExtended(answer.code), at);
  at = WriteTextField(kAnswerMessage, answer.message, at);
  at = WriteMessage(kAnswerFailure, answer.failure, at);
  at = WriteMessage(kAnswerTiming, answer.timing, at);
  at = WriteBytesField(kAnswerStatusDetails, answer.status_details, at);
  return WriteMetadata(kAnswerTrailing, answer.trailing, at);
}

}  // namespace

bool IsPlain(const OutgoingAnswer& answer) {
  return answer.code == 0 && answer.timing == nullptr &&
         answer.failure == nullptr && answer.message.empty() &&
         answer.status_details.empty() && answer.trailing.empty();
}

size_t AnswerSize(const OutgoingAnswer& answer) {
  size_t size = PlainSize(answer);
  if (ABSL_PREDICT_FALSE(!IsPlain(answer))) size += SizeOfRest(answer);
  return MessageFieldSize(size);
}

size_t LargestPayload(size_t message_bytes) {
  constexpr uint64_t kLongest = std::numeric_limits<uint64_t>::max();
  v1::Timing timing;
  timing.set_worker(std::numeric_limits<uint32_t>::max());
  timing.set_waited_ns(kLongest);
  timing.set_ran_ns(kLongest);
  timing.set_batch(std::numeric_limits<uint32_t>::max());
  const size_t rest = NumberFieldSize(kLongest) + SizeOf(&timing);
  const auto fits = [&](size_t payload) {
    return MessageFieldSize(rest + MessageFieldSize(payload)) <= message_bytes;
  };
  // As if both lengths took as much as that of a whole message. A smaller
  // payload's take a few bytes less.
  const size_t beside =
      rest + 2 * (MessageFieldSize(message_bytes) - message_bytes);
  size_t payload = message_bytes < beside ? 0 : message_bytes - beside;
  while (fits(payload + 1)) ++payload;
  return payload;
}

uint8_t* WriteAnswer(const OutgoingAnswer& answer, uint8_t* at) {
  const bool is_plain = IsPlain(answer);
  size_t size = PlainSize(answer);
  if (ABSL_PREDICT_FALSE(!is_plain)) size += SizeOfRest(answer);
  at = BeginMessageField(session_tags::kAnswer, size, at);
  at = WriteNumberField(session_tags::kAnswerId, answer.id, at);
  at = WriteBytesField(session_tags::kAnswerPayload, answer.payload, at);
  return ABSL_PREDICT_TRUE(is_plain) ? at : WriteRest(answer, at);
}

uint8_t* WriteAnswerHead(uint64_t id, size_t payload_size, uint8_t* at) {
  const size_t payload = payload_size == 0 ? 0 : MessageFieldSize(payload_size);
  at = BeginMessageField(session_tags::kAnswer, NumberFieldSize(id) + payload,
                         at);
  at = WriteNumberField(session_tags::kAnswerId, id, at);
  if (payload_size == 0) return at;
  return BeginMessageField(session_tags::kAnswerPayload, payload_size, at);
}

std::string EncodeAlike(const OutgoingAnswer& answer) {
  std::string alike(SizeOfRest(answer), '\0');
  WriteRest(answer, reinterpret_cast<uint8_t*>(alike.data()));
  return alike;
}

size_t AlikeAnswerSize(uint64_t id, absl::string_view alike) {
  return MessageFieldSize(NumberFieldSize(id) + alike.size());
}

uint8_t* WriteAlikeAnswer(uint64_t id, absl::string_view alike, uint8_t* at) {
  at = BeginMessageField(session_tags::kAnswer,
                         NumberFieldSize(id) + alike.size(), at);
  at = WriteNumberField(session_tags::kAnswerId, id, at);
  return std::copy(alike.begin(), alike.end(), at);
}

std::string EncodeServerHello(const v1::ServerHello& hello) {
  v1::OpenResponse response;
  *response.mutable_hello() = hello;
  return response.SerializeAsString();
}

std::string EncodeDrain(uint64_t grace_us, v1::DrainReason reason) {
  v1::OpenResponse response;
  response.mutable_drain()->set_grace_us(grace_us);
  response.mutable_drain()->set_reason(reason);
  return response.SerializeAsString();
}

}  // namespace pinion
