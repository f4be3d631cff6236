// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/session_call.h"

#include "pinion/proto/wire/session_tags.h"
#include "pinion/proto/wire/wire_writer.h"

namespace pinion {
namespace {

// Written also when it is 0, unlike other numbers: it is `optional`.
size_t WorkerSize(const std::optional<uint32_t>& worker) {
  return worker.has_value() ? kTagBytes + VarintSize(*worker) : 0;
}

uint8_t* WriteWorker(const std::optional<uint32_t>& worker, uint8_t* at) {
  if (!worker.has_value()) return at;
  return WriteVarint(*worker, WriteTag(session_tags::kCallWorker, at));
}

size_t SizeOf(const OutgoingCall& call) {
  return NumberFieldSize(call.id) + BytesFieldSize(call.method) +
         BytesFieldSize(call.payload) + NumberFieldSize(call.timeout_us) +
         NumberFieldSize(SignExtended(call.priority)) +
         NumberFieldSize(call.want_timing) + WorkerSize(call.worker) +
         NumberFieldSize(call.method_index) + MetadataSize(call.metadata);
}

size_t PackedSize(absl::Span<const uint64_t> ids) {
  size_t size = 0;
  for (const uint64_t id : ids) size += VarintSize(id);
  return size;
}

}  // namespace

size_t CallSize(const OutgoingCall& call) {
  return MessageFieldSize(SizeOf(call));
}

uint8_t* WriteCall(const OutgoingCall& call, uint8_t* at) {
  using namespace session_tags;
  at = BeginMessageField(kCall, SizeOf(call), at);
  at = WriteNumberField(kCallId, call.id, at);
  at = WriteTextField(kCallMethod, call.method, at);
  at = WriteBytesField(kCallPayload, call.payload, at);
  at = WriteNumberField(kCallTimeout, call.timeout_us, at);
  at = WriteNumberField(kCallPriority, SignExtended(call.priority), at);
  at = WriteNumberField(kCallWantTiming, call.want_timing, at);
  at = WriteWorker(call.worker, at);
  at = WriteNumberField(kCallMethodIndex, call.method_index, at);
  return WriteMetadata(kCallMetadata, call.metadata, at);
}

size_t CancelsSize(absl::Span<const uint64_t> ids) {
  return ids.empty() ? 0 : MessageFieldSize(PackedSize(ids));
}

uint8_t* WriteCancels(absl::Span<const uint64_t> ids, uint8_t* at) {
  if (ids.empty()) return at;
  at = BeginMessageField(session_tags::kPackedCancels, PackedSize(ids), at);
  for (const uint64_t id : ids) at = WriteVarint(id, at);
  return at;
}

std::string EncodeClientHello(const v1::ClientHello& hello) {
  v1::OpenRequest request;
  *request.mutable_hello() = hello;
  return request.SerializeAsString();
}

std::string EncodeCall(const OutgoingCall& call) {
  std::string bytes(CallSize(call), '\0');
  WriteCall(call, reinterpret_cast<uint8_t*>(bytes.data()));
  return bytes;
}

std::string EncodeMethodName(uint32_t index, absl::string_view name) {
  v1::OpenRequest request;
  v1::MethodName* const method = request.add_methods();
  method->set_index(index);
  method->set_name(name.data(), name.size());
  return request.SerializeAsString();
}

std::string EncodeSessionToken(absl::string_view token) {
  v1::OpenRequest request;
  request.set_token(token.data(), token.size());
  return request.SerializeAsString();
}

}  // namespace pinion
