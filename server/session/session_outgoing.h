// SPDX-License-Identifier: Apache-2.0
//
// Turns an Answer into a session's answer for the client, and makes it fit into
// one message.
//
// Threads: plain functions; any thread.
// Example: FitIntoMessage(id, max_message_bytes, answer);
//          out = WriteAnswer(OutgoingOf(id, answer, trailing), out);
#ifndef PINION_SERVER_SESSION_SESSION_OUTGOING_H_
#define PINION_SERVER_SESSION_SESSION_OUTGOING_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pinion/proto/wire/session_answer.h"
#include "pinion/server/internal/answer.h"

namespace pinion {

// The answer to call `id`. Points into `answer` and `trailing`.
OutgoingAnswer OutgoingOf(uint64_t id, const Answer& answer,
                          std::vector<MetadataView>& trailing);

// For an error: adds the details of its status. If the message would exceed
// `most` bytes, shortens the answer: first everything except its text.
void FitIntoMessage(uint64_t id, size_t most, Answer& answer);

// The bytes that the answer holds until it has left.
int64_t HeldBytesOf(const Answer& answer);
// The same for `count` answers in a buffer, which take so many bytes there.
int64_t HeldBytesOf(size_t count, size_t bytes);

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_SESSION_OUTGOING_H_
