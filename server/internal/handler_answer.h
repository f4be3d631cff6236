// SPDX-License-Identifier: Apache-2.0
//
// HandlerAnswer() and ParseRequest(): convert between a handler's messages and
//                                     the bytes of its call.
//
// Threads: any thread.
// Example: if (auto refusal = ParseRequest(bytes, request)) return *refusal;
//          return HandlerAnswer(handler(request, &response), response);
#ifndef PINION_SERVER_INTERNAL_HANDLER_ANSWER_H_
#define PINION_SERVER_INTERNAL_HANDLER_ANSWER_H_

#include <google/protobuf/message.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/server/internal/answer.h"

namespace pinion {

// Decodes `bytes`. INVALID_ARGUMENT, not executed, if they are not a Request.
std::optional<Answer> ParseRequest(absl::string_view bytes,
                                   google::protobuf::Message& request);

// The answer of a handler that has ended, or `threw` its status.
Answer HandlerAnswer(absl::Status status,
                     const google::protobuf::Message& response,
                     bool threw = false);

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_HANDLER_ANSWER_H_
