// SPDX-License-Identifier: Apache-2.0
//
// Answer: the one answer to a call, before it is put on the wire.
//
// Threads: plain data; moves from the worker to the I/O thread with its call.
// Example: return Failed(absl::UnavailableError("..."), v1::REASON_STOPPING,
//                        v1::EXECUTED_NO);
#ifndef PINION_SERVER_ANSWER_H_
#define PINION_SERVER_ANSWER_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/timing.pb.h"
#include "server/payload.h"

namespace pinion {

// What an answer may have beside its status and its payload.
struct AnswerRest {
  v1::Failure failure;               // Of an error.
  std::optional<v1::Timing> timing;  // When asked for.
  // What the handler added.
  std::vector<std::pair<std::string, std::string>> trailing;
  // Of a handler's error that has payloads, within a session.
  std::string status_details;
};

struct Answer {
  // Null when `status` is OK.
  v1::Failure* failure() const {
    return status.ok() ? nullptr : &rest->failure;
  }
  // Null when nobody asked for it.
  const v1::Timing* timing() const {
    return rest != nullptr && rest->timing.has_value() ? &*rest->timing
                                                       : nullptr;
  }
  AnswerRest& MakeRest() {
    if (rest == nullptr) rest = std::make_unique<AnswerRest>();
    return *rest;
  }

  absl::Status status;
  Payload payload;  // The response, when `status` is OK.
  // One pointer, as most answers have none. Each error has it.
  std::unique_ptr<AnswerRest> rest;
};

// An error as an answer: what `status` says, why, and whether a handler ran.
inline Answer Failed(absl::Status status, v1::Reason reason,
                     v1::Executed executed) {
  Answer answer;
  answer.status = std::move(status);
  answer.MakeRest().failure.set_reason(reason);
  answer.rest->failure.set_executed(executed);
  return answer;
}

}  // namespace pinion

#endif  // PINION_SERVER_ANSWER_H_
