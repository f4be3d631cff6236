// SPDX-License-Identifier: Apache-2.0
#include "proto/wire/session_request.h"

#include <memory>

#include "absl/base/attributes.h"

namespace pinion {
namespace {

constexpr int kMaxDepth = WireCursor::kMaxDepth;

using OnCancel = absl::FunctionRef<void(uint64_t id)>;

bool ReadCancel(WireCursor* cursor, OnCancel cancel) {
  uint64_t id;
  if (!cursor->ReadVarint(&id)) return false;
  cancel(id);
  return true;
}

bool ReadPackedCancels(WireCursor* cursor, OnCancel cancel) {
  const char* const outer_limit = cursor->Enter(kMaxDepth);
  if (outer_limit == nullptr) return false;
  while (!cursor->AtEnd()) {
    if (!ReadCancel(cursor, cancel)) return false;
  }
  cursor->Leave(outer_limit);
  return true;
}

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

}  // namespace

bool SessionRequest::Scan() {
  const auto ignore = [](uint64_t) {};
  return ScanFields([&](uint32_t tag, WireCursor* cursor) {
    MethodNameView name;
    switch (tag) {
      case session_tags::kCancel:
        has_cancels_ = true;
        return ReadCancel(cursor, ignore);
      case session_tags::kPackedCancels:
        has_cancels_ = true;
        return ReadPackedCancels(cursor, ignore);
      case session_tags::kClientHello:
        if (!hello_.has_value()) hello_.emplace();
        return ReadHello(cursor, &*hello_);
      case session_tags::kMethodName:
        has_method_names_ = true;
        return ReadMethodName(cursor, &name);
      default:
        return cursor->Skip(tag, kDepth);
    }
  });
}

void SessionRequest::ForEachMethodName(
    absl::FunctionRef<void(const MethodNameView&)> name) const {
  if (!has_method_names_) return;
  RereadFields([&](uint32_t tag, WireCursor* cursor) {
    if (tag != session_tags::kMethodName) return cursor->Skip(tag, kDepth);
    MethodNameView view;
    if (!ReadMethodName(cursor, &view)) return false;
    name(view);
    return true;
  });
}

void SessionRequest::ForEachCancel(OnCancel cancel) const {
  if (!has_cancels_) return;
  RereadFields([&](uint32_t tag, WireCursor* cursor) {
    switch (tag) {
      case session_tags::kCancel:
        return ReadCancel(cursor, cancel);
      case session_tags::kPackedCancels:
        return ReadPackedCancels(cursor, cancel);
      default:
        return cursor->Skip(tag, kDepth);
    }
  });
}

bool SessionRequest::NextCall(CallView* call) {
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
