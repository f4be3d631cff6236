// SPDX-License-Identifier: Apache-2.0
//
// SessionResponse: reads a serialized OpenResponse as views into its bytes, as
// protobuf would decode it, without building messages or allocating.
//
// Threads: one at a time; the bytes must outlive the response and its views.
// Example: SessionResponse response(serialized);
//          if (!response.Scan()) return response.status();
//          AnswerView answer;
//          while (response.NextAnswer(&answer)) Finish(answer.id, answer);
//          if (!response.ok()) return response.status();
//
// It fails where protobuf fails, with one exception: it does not check that
// strings are UTF-8.
#ifndef PINION_PROTO_WIRE_SESSION_RESPONSE_H_
#define PINION_PROTO_WIRE_SESSION_RESPONSE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "pinion/proto/wire/session_message.h"
#include "pinion/proto/wire/session_metadata.h"
#include "pinion/proto/wire/session_tags.h"
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

  // The next answer. False after the last one, and if the answer cannot be
  // decoded; then ok() is false, and the whole message is invalid.
  bool NextAnswer(AnswerView* answer);

 private:
  // Found by the scan.
  std::optional<ServerHelloView> hello_;
  std::optional<DrainView> drain_;
};

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_SESSION_RESPONSE_H_
