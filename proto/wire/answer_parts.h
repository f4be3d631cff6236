// SPDX-License-Identifier: Apache-2.0
//
// AnswerParts: a session's message of answers that came in pieces, as parts of
//              whole answers. The pieces are not joined: only an answer that
//              spans two of them is copied.
//
// Threads: one at a time; the pieces must outlive the parts.
// Why:     gRPC hands a message on in pieces of some KiB, as it read them. To
//          join them copies every byte.
// Example: AnswerParts parts;
//          if (parts.Split(pieces)) {
//            for (absl::string_view part : parts.parts()) Read(part);
//          } else {
//            Read(Joined(pieces));
//          }
#ifndef PINION_PROTO_WIRE_ANSWER_PARTS_H_
#define PINION_PROTO_WIRE_ANSWER_PARTS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pinion {

class AnswerParts {
 public:
  // Makes the parts of a serialized OpenResponse. False if it has anything but
  // answers of less than 16 KiB, or none, or if it cannot be decoded: then it
  // must be joined. The insides of the answers are not checked.
  bool Split(absl::Span<const absl::string_view> pieces);

  // As Split() has made them, one after the other the whole message. Each is an
  // OpenResponse. Valid until the next Split().
  absl::Span<const absl::string_view> parts() const { return parts_; }

 private:
  // Copies more of the answer whose beginning was copied. Returns where the
  // rest of the piece starts; null: it is no such answer.
  const char* Continue(const char* at, const char* end);
  std::vector<absl::string_view> parts_;
  // The answers that span pieces. Their parts get their addresses when all is
  // copied.
  std::string copied_;
  size_t copied_from_ = 0;  // Where the one begins that is not whole yet.
};

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_ANSWER_PARTS_H_
