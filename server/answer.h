// SPDX-License-Identifier: Apache-2.0
//
// Answer: the one answer to a call, before it is put on the wire.
//
// Threads: plain data; moves from the worker to the I/O thread with its call.
// Example: return Failed(absl::UnavailableError("..."), v1::REASON_STOPPING,
//                        v1::EXECUTED_NO);
#ifndef PINION_SERVER_ANSWER_H_
#define PINION_SERVER_ANSWER_H_

#include <grpcpp/support/slice.h>

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/timing.pb.h"

namespace pinion {

struct Answer {
  absl::Status status;
  grpc::Slice payload;                   // The response, when `status` is OK.
  std::unique_ptr<v1::Failure> failure;  // There when it is not.
  std::unique_ptr<v1::Timing> timing;    // There when asked for.
};

// An error as an answer: what `status` says, why, and whether a handler ran.
inline Answer Failed(absl::Status status, v1::Reason reason,
                     v1::Executed executed) {
  Answer answer;
  answer.status = std::move(status);
  answer.failure = std::make_unique<v1::Failure>();
  answer.failure->set_reason(reason);
  answer.failure->set_executed(executed);
  return answer;
}

}  // namespace pinion

#endif  // PINION_SERVER_ANSWER_H_
