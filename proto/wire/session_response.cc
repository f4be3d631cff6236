// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/session_response.h"

#include <memory>

#include "absl/base/attributes.h"

namespace pinion {
namespace {

constexpr int kMaxDepth = WireCursor::kMaxDepth;

// What a repeated hello does not say keeps its value: that is protobuf's merge.
bool ReadHello(WireCursor* cursor, ServerHelloView* hello) {
  return cursor->ReadMessage(kMaxDepth, [&](uint32_t tag) {
    switch (tag) {
      case session_tags::kServerHelloInstanceId:
        return cursor->ReadBytes(&hello->instance_id);
      case session_tags::kServerHelloRevision:
        return cursor->ReadVarint32(&hello->revision);
      case session_tags::kServerHelloMaxOpenCalls:
        return cursor->ReadVarint(&hello->max_open_calls);
      case session_tags::kServerHelloMaxOpenBytes:
        return cursor->ReadVarint(&hello->max_open_bytes);
      case session_tags::kServerHelloMaxMessageBytes:
        return cursor->ReadVarint(&hello->max_message_bytes);
      default:
        return cursor->Skip(tag, kMaxDepth - 1);
    }
  });
}

bool ReadDrainReason(WireCursor* cursor, v1::DrainReason* reason) {
  uint32_t number;
  if (!cursor->ReadVarint32(&number)) return false;
  *reason = static_cast<v1::DrainReason>(number);
  return true;
}

// Merges, as ReadHello().
bool ReadDrain(WireCursor* cursor, DrainView* drain) {
  return cursor->ReadMessage(kMaxDepth, [&](uint32_t tag) {
    switch (tag) {
      case session_tags::kDrainGrace:
        return cursor->ReadVarint(&drain->grace_us);
      case session_tags::kDrainReason:
        return ReadDrainReason(cursor, &drain->reason);
      default:
        return cursor->Skip(tag, kMaxDepth - 1);
    }
  });
}

bool ReadCode(WireCursor* cursor, int32_t* code) {
  uint32_t low;
  if (!cursor->ReadVarint32(&low)) return false;
  *code = static_cast<int32_t>(low);
  return true;
}

// `depth` is how many levels may follow below the answer.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool ReadAnswerField(uint32_t tag,
                                                         int depth,
                                                         WireCursor* cursor,
                                                         AnswerView* answer) {
  switch (tag) {
    case session_tags::kAnswerId:
      return cursor->ReadVarint(&answer->id);
    case session_tags::kAnswerPayload:
      return cursor->ReadBytes(&answer->payload);
    case session_tags::kAnswerCode:
      return ReadCode(cursor, &answer->code);
    case session_tags::kAnswerMessage:
      return cursor->ReadBytes(&answer->message);
    case session_tags::kAnswerFailure:
      answer->has_failure = true;
      return cursor->CheckMessage(depth);
    case session_tags::kAnswerTiming:
      answer->has_timing = true;
      return cursor->CheckMessage(depth);
    case session_tags::kAnswerStatusDetails:
      return cursor->ReadBytes(&answer->status_details);
    case session_tags::kAnswerTrailing:
      answer->has_trailing = true;
      return cursor->CheckMessage(depth);
    default:
      return cursor->SkipRare(tag, depth);
  }
}

// The fields of `answer`, which was checked, with `wanted`, merged.
template <typename Message>
Message Merged(absl::string_view answer, uint32_t wanted) {
  Message message;
  WireCursor cursor(answer);
  uint32_t tag;
  while (!cursor.AtEnd() && cursor.ReadTag(&tag)) {
    absl::string_view bytes;
    if (tag != wanted) {
      cursor.Skip(tag, kMaxDepth);
    } else if (cursor.ReadBytes(&bytes)) {
      message.MergeFromString({bytes.data(), bytes.size()});
    }
    if (cursor.failed()) break;
  }
  return message;
}

}  // namespace

v1::Failure AnswerView::failure() const {
  if (!has_failure) return {};
  return Merged<v1::Failure>(serialized, session_tags::kAnswerFailure);
}

v1::Timing AnswerView::timing() const {
  if (!has_timing) return {};
  return Merged<v1::Timing>(serialized, session_tags::kAnswerTiming);
}

bool SessionResponse::Scan() {
  return ScanAll([&](uint32_t tag, WireCursor* cursor) {
    switch (tag) {
      case session_tags::kServerHello:
        if (!hello_.has_value()) hello_.emplace();
        return ReadHello(cursor, &*hello_);
      case session_tags::kDrain:
        if (!drain_.has_value()) drain_.emplace();
        return ReadDrain(cursor, &*drain_);
      default:
        return cursor->Skip(tag, kDepth);
    }
  });
}

bool SessionResponse::NextAnswer(AnswerView* answer) {
  return NextElement(
      [&](absl::string_view serialized) {
        // In place: to assign a temporary takes as long as to read three
        // fields.
        std::construct_at(answer);
        answer->serialized = serialized;
      },
      [&](uint32_t tag, WireCursor* cursor) {
        return ReadAnswerField(tag, kElementDepth, cursor, answer);
      });
}

}  // namespace pinion
