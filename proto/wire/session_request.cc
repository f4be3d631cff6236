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
