// SPDX-License-Identifier: Apache-2.0
//
// SessionResponse: reads a serialized OpenResponse as views into its bytes, as
// protobuf would decode it, without building messages or allocating.
//
// Threads: one at a time; the bytes must outlive the response and its views.
// Example: SessionResponse response(serialized);
//          if (!response.Scan()) return response.status();
//          PlainAnswer plain;
//          AnswerView answer;
//          while (true) {
//            if (response.NextPlain(&plain)) {
//              Finish(plain.id, plain.payload);
//            } else if (response.NextAnswer(&answer)) {
//              Finish(answer.id, answer);
//            } else {
//              break;
//            }
//          }
//          if (!response.ok()) return response.status();
//
// It fails where protobuf fails, with one exception: it does not check that
// strings are UTF-8.
#ifndef PINION_PROTO_WIRE_SESSION_RESPONSE_H_
#define PINION_PROTO_WIRE_SESSION_RESPONSE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/base/optimization.h"
#include "absl/strings/string_view.h"
#include "pinion/proto/wire/session_message.h"
#include "pinion/proto/wire/session_metadata.h"
#include "pinion/proto/wire/session_tags.h"
#include "pinion/proto/wire/wire_cursor.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/session.pb.h"
#include "pinion/v1/timing.pb.h"

namespace pinion {

// A SessionAnswer; see session.proto.
struct AnswerView {
  uint64_t id = 0;
  absl::string_view payload;
  int32_t code = 0;
  bool has_failure = false;
  bool has_timing = false;
  bool has_trailing = false;
  absl::string_view message;
  absl::string_view status_details;
  absl::string_view serialized;  // The whole SessionAnswer.

  // Decoded on demand; all fields have their defaults if there is none.
  v1::Failure failure() const;
  v1::Timing timing() const;
  MetadataReader trailing() const {
    return {has_trailing ? serialized : "", session_tags::kAnswerTrailing};
  }
};

// An answer that has no other fields, as most have. Its id takes up to four
// bytes.
struct PlainAnswer {
  uint64_t id = 0;
  absl::string_view payload;
};

struct ServerHelloView {
  absl::string_view instance_id;
  uint32_t revision = 0;
  uint64_t max_open_calls = 0;
  uint64_t max_open_bytes = 0;
  uint64_t max_message_bytes = 0;
};

struct DrainView {
  uint64_t grace_us = 0;
  v1::DrainReason reason = v1::DRAIN_REASON_UNSPECIFIED;
};

class SessionResponse : public SessionMessage {
 public:
  explicit SessionResponse(absl::string_view serialized)
      : SessionMessage(serialized, "pinion.v1.OpenResponse",
                       session_tags::kAnswer) {}

  // Call it first. Checks everything but the insides of the answers. False if
  // the message cannot be decoded.
  bool Scan();

  // The number of answers in the message.
  size_t answers() const { return elements(); }

  // The hello and the drain, if there are any.
  const std::optional<ServerHelloView>& hello() const { return hello_; }
  const std::optional<DrainView>& drain() const { return drain_; }

  // The next answer, if it is plain, in a fraction of the time that
  // NextAnswer() takes. False if it is not, and after the last one: then
  // NextAnswer() must tell. May leave out a plain one that is written in an
  // unusual way.
  bool NextPlain(PlainAnswer* answer) {
    const absl::string_view bytes = unread();
    absl::string_view serialized;
    if (!WireCursor::ReadShort(session_tags::kAnswer, bytes.data(),
                               bytes.data() + bytes.size(), &serialized) ||
        !ReadPlain(serialized, answer)) {
      return false;
    }
    SkipNext(static_cast<size_t>(serialized.data() + serialized.size() -
                                 bytes.data()));
    return true;
  }

  // The next answer. False after the last one, and if the answer cannot be
  // decoded; then ok() is false, and the whole message is invalid.
  bool NextAnswer(AnswerView* answer);

 private:
  // Returns the end of a varint of up to four bytes, of which most have one or
  // two; null: it has more, or is cut off.
  static const char* ReadId(const char* at, const char* end, uint64_t* id) {
    uint64_t byte = static_cast<uint8_t>(*at++);
    *id = byte & 0x7f;
    for (int bits = 7; byte >= 0x80; bits += 7) {
      if (ABSL_PREDICT_FALSE(at == end || bits == 4 * 7)) return nullptr;
      byte = static_cast<uint8_t>(*at++);
      *id |= (byte & 0x7f) << bits;
    }
    return at;
  }

  // Only what protobuf writes: the id, unless it is 0, and then the payload,
  // unless it is empty.
  static bool ReadPlain(absl::string_view serialized, PlainAnswer* answer) {
    const char* at = serialized.data();
    const char* const end = at + serialized.size();
    answer->id = 0;
    if (end - at >= 2 && *at == session_tags::kAnswerId) {
      at = ReadId(at + 1, end, &answer->id);
      if (ABSL_PREDICT_FALSE(at == nullptr)) return false;
    }
    if (ABSL_PREDICT_FALSE(at == end)) {
      answer->payload = {};
      return true;
    }
    return WireCursor::ReadShort(session_tags::kAnswerPayload, at, end,
                                 &answer->payload) &&
           answer->payload.data() + answer->payload.size() == end;
  }

  // Found by the scan.
  std::optional<ServerHelloView> hello_;
  std::optional<DrainView> drain_;
};

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_SESSION_RESPONSE_H_
