// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/session_request.h"

#include <algorithm>
#include <memory>

#include "absl/base/attributes.h"

namespace pinion {
namespace {

constexpr int kMaxDepth = WireCursor::kMaxDepth;

// What a repeated hello does not say keeps its value: that is protobuf's merge.
bool ReadHello(WireCursor* cursor, ClientHelloView* hello) {
  return cursor->ReadMessage(kMaxDepth, [&](uint32_t tag) {
    switch (tag) {
      case session_tags::kClientHelloRevision:
        return cursor->ReadVarint32(&hello->revision);
      case session_tags::kClientHelloName:
        return cursor->ReadBytes(&hello->name);
      default:
        return cursor->Skip(tag, kMaxDepth - 1);
    }
  });
}

bool ReadMethodName(WireCursor* cursor, MethodNameView* name) {
  return cursor->ReadMessage(kMaxDepth, [&](uint32_t tag) {
    switch (tag) {
      case session_tags::kMethodNameIndex:
        return cursor->ReadVarint32(&name->index);
      case session_tags::kMethodNameName:
        return cursor->ReadBytes(&name->name);
      default:
        return cursor->Skip(tag, kMaxDepth - 1);
    }
  });
}

bool ReadPriority(WireCursor* cursor, v1::Priority* priority) {
  uint32_t number;
  if (!cursor->ReadVarint32(&number)) return false;
  *priority = static_cast<v1::Priority>(number);
  return true;
}

// `depth` is how many levels may follow below the call.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool ReadCallField(uint32_t tag, int depth,
                                                       WireCursor* cursor,
                                                       CallView* call) {
  switch (tag) {
    case session_tags::kCallId:
      return cursor->ReadVarint(&call->id);
    case session_tags::kCallMethod:
      return cursor->ReadBytes(&call->method);
    case session_tags::kCallPayload:
      return cursor->ReadBytes(&call->payload);
    case session_tags::kCallTimeout:
      return cursor->ReadVarint(&call->timeout_us);
    case session_tags::kCallPriority:
      return ReadPriority(cursor, &call->priority);
    case session_tags::kCallWantTiming:
      return cursor->ReadBool(&call->want_timing);
    case session_tags::kCallWorker:
      return cursor->ReadVarint32(&call->worker.emplace());
    case session_tags::kCallMethodIndex:
      return cursor->ReadVarint32(&call->method_index);
    case session_tags::kCallMetadata:
      call->has_metadata = true;
      return cursor->CheckMessage(depth);
    default:
      return cursor->SkipRare(tag, depth);
  }
}

// A varint of at most four bytes. Null if there is none before `end`.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline const char* ReadShortVarint(
    const char* at, const char* end, uint64_t* value) {
  *value = 0;
#pragma GCC unroll 4
  for (int shift = 0; shift < 28; shift += 7) {
    if (ABSL_PREDICT_FALSE(at == end)) return nullptr;
    const auto byte = static_cast<uint8_t>(*at++);
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return at;
  }
  return nullptr;
}

// The same for a field with that one-byte tag. `at` if there is another field,
// or none, and then the value is left alone.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline const char* ReadIfNext(uint32_t tag,
                                                           const char* at,
                                                           const char* end,
                                                           uint64_t* value) {
  if (at == end || static_cast<uint8_t>(*at) != tag) return at;
  return ReadShortVarint(at + 1, end, value);
}

// Reads the call that `bytes` begin with, if it has only the fields of a plain
// call, in the order in which our client writes them: id, payload, timeout and
// method index. Returns where it ended; null if it is another, or has a fault,
// and then `call` is anything.
const char* ReadPlainCall(absl::string_view bytes, CallView* call) {
  const char* at = bytes.data();
  const char* const limit = at + bytes.size();
  uint64_t size = 0;
  if (at == limit || static_cast<uint8_t>(*at) != session_tags::kCall) {
    return nullptr;
  }
  at = ReadShortVarint(at + 1, limit, &size);
  if (at == nullptr || size > static_cast<size_t>(limit - at)) return nullptr;
  const char* const end = at + size;
  std::construct_at(call);
  call->serialized = absl::string_view(at, size);
  uint64_t payload = 0;
  uint64_t method_index = 0;
  at = ReadIfNext(session_tags::kCallId, at, end, &call->id);
  if (at == nullptr) return nullptr;
  if (at != end && static_cast<uint8_t>(*at) == session_tags::kCallPayload) {
    at = ReadShortVarint(at + 1, end, &payload);
    if (at == nullptr || payload > static_cast<size_t>(end - at)) {
      return nullptr;
    }
    call->payload = absl::string_view(at, payload);
    at += payload;
  }
  at = ReadIfNext(session_tags::kCallTimeout, at, end, &call->timeout_us);
  if (at == nullptr) return nullptr;
  at = ReadIfNext(session_tags::kCallMethodIndex, at, end, &method_index);
  call->method_index = static_cast<uint32_t>(method_index);
  return at == end ? at : nullptr;
}

}  // namespace

bool SessionRequest::Scan(size_t most, OnName name, OnCancel cancel) {
  while (most > 0 && (!scanned() || cancels_at_ < cancels_end_)) {
    size_t steps;
    if (cancels_at_ < cancels_end_) {
      steps = ReadCancels(most, cancel);
    } else {
      steps = ReadFields(most, name, cancel);
    }
    most -= std::min(most, steps);
  }
  return ok() && scanned() && cancels_at_ == cancels_end_;
}

size_t SessionRequest::ReadFields(size_t most, OnName name, OnCancel cancel) {
  bool other = false;
  const size_t fields = ScanNext(most, [&](uint32_t tag, WireCursor* cursor) {
    uint64_t id;
    absl::string_view ids;
    MethodNameView method;
    other = true;
    switch (tag) {
      case session_tags::kCancel:
        if (cursor->ReadVarint(&id)) cancel(id);
        return;
      case session_tags::kPackedCancels:
        if (!cursor->ReadBytes(&ids)) return;
        cancels_end_ = EndOf(ids);
        cancels_at_ = cancels_end_ - ids.size();
        return;
      case session_tags::kClientHello:
        if (!hello_.has_value()) hello_.emplace();
        ReadHello(cursor, &*hello_);
        return;
      case session_tags::kMethodName:
        if (ReadMethodName(cursor, &method)) name(method);
        return;
      case session_tags::kSessionToken:
        cursor->ReadBytes(&token_);
        return;
      default:
        cursor->Skip(tag, kDepth);
    }
  });
  return other ? fields - 1 + kStepsOfOther : fields;
}

size_t SessionRequest::ReadCancels(size_t most, OnCancel cancel) {
  size_t read = 0;
  cancels_at_ = ReadPacked(cancels_at_, cancels_end_, most / kStepsOfOther + 1,
                           [&](uint64_t id) {
                             ++read;
                             cancel(id);
                           });
  if (!ok()) cancels_at_ = cancels_end_;
  return read * kStepsOfOther;
}

bool SessionRequest::NextCall(CallView* call) {
  const absl::string_view bytes = unread();
  if (const char* const end = ReadPlainCall(bytes, call)) {
    SkipNext(static_cast<size_t>(end - bytes.data()));
    return true;
  }
  return NextElement(
      [&](absl::string_view serialized) {
        // In place: to assign a temporary takes as long as to read three
        // fields.
        std::construct_at(call);
        call->serialized = serialized;
      },
      [&](uint32_t tag, WireCursor* cursor) {
        return ReadCallField(tag, kElementDepth, cursor, call);
      });
}

}  // namespace pinion
