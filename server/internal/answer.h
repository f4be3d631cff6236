// SPDX-License-Identifier: Apache-2.0
//
// Answer: the one answer to a call, before it is put on the wire.
//
// Threads: plain data; moves with its call from the worker to the I/O thread.
// Example: return Failed(absl::UnavailableError("..."), v1::REASON_STOPPING,
//                        v1::EXECUTED_NO);
#ifndef PINION_SERVER_INTERNAL_ANSWER_H_
#define PINION_SERVER_INTERNAL_ANSWER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "pinion/server/internal/payload.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/timing.pb.h"

namespace pinion {

// The parts of an answer besides its status and payload.
struct AnswerExtras {
  // A mistake in the handler, which the log tells, too.
  enum class Fault : uint8_t { kNone, kThrew, kDropped };

  v1::Failure failure;               // For an error.
  std::optional<v1::Timing> timing;  // If the call asked for it.
  // The trailing metadata that the handler added.
  std::vector<std::pair<std::string, std::string>> trailing;
  // For a handler's error with payloads, within a session.
  std::string status_details;
  Fault fault = Fault::kNone;
};

struct Answer {
  // Null if `status` is OK.
  v1::Failure* failure() const {
    return status.ok() ? nullptr : &extras->failure;
  }
  // A mistake in the handler; only an error has one.
  AnswerExtras::Fault fault() const {
    return status.ok() ? AnswerExtras::Fault::kNone : extras->fault;
  }
  // Null if the call did not ask for it.
  const v1::Timing* timing() const {
    return extras != nullptr && extras->timing.has_value() ? &*extras->timing
                                                           : nullptr;
  }
  // Its memory, without the object itself.
  int64_t Bytes() const;

  AnswerExtras& MakeExtras() {
    if (extras == nullptr) extras = std::make_unique<AnswerExtras>();
    return *extras;
  }

  absl::Status status;
  Payload payload;  // The response, if `status` is OK.
  // One pointer, because most answers have no rest. Every error has one.
  std::unique_ptr<AnswerExtras> extras;
};

inline int64_t Answer::Bytes() const {
  size_t bytes = payload.size();
  if (!status.ok()) {
    bytes += status.message().size();
    status.ForEachPayload([&](absl::string_view type, const absl::Cord& what) {
      bytes += type.size() + what.size();
    });
  }
  if (extras != nullptr) {
    bytes += extras->status_details.size();
    for (const auto& [name, value] : extras->trailing) {
      bytes += name.size() + value.size();
    }
  }
  return static_cast<int64_t>(bytes);
}

// Makes an error answer from its status, its reason, and whether a handler ran.
inline Answer Failed(absl::Status status, v1::Reason reason,
                     v1::Executed executed) {
  Answer answer;
  answer.status = std::move(status);
  answer.MakeExtras().failure.set_reason(reason);
  answer.extras->failure.set_executed(executed);
  return answer;
}

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_ANSWER_H_
