// SPDX-License-Identifier: Apache-2.0
//
// HandlerAnswer() and ParseRequest(): between a handler's messages and the
// bytes of its call.
//
// Threads: anyone.
// Example: if (auto refusal = ParseRequest(bytes, request)) return *refusal;
//          return HandlerAnswer(handler(request, &response), response);
#ifndef PINION_SERVER_HANDLER_ANSWER_H_
#define PINION_SERVER_HANDLER_ANSWER_H_

#include <google/protobuf/message.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/answer.h"

namespace pinion {

// Decodes `bytes`; INVALID_ARGUMENT, not executed, if they are no such message.
std::optional<Answer> ParseRequest(absl::string_view bytes,
                                   google::protobuf::Message& request);

// What a handler gave that has ended.
Answer HandlerAnswer(absl::Status status,
                     const google::protobuf::Message& response);

}  // namespace pinion

#endif  // PINION_SERVER_HANDLER_ANSWER_H_
