// SPDX-License-Identifier: Apache-2.0
//
// CallCounts: the outcomes of some calls, those of a lane or of a method.
//
// Threads: plain data.
// Example: const CallCounts counts = account.OfWorker(3);
//          PINION_CHECK(counts.answered() <= counts.accepted);
#ifndef PINION_SERVER_CALL_COUNTS_H_
#define PINION_SERVER_CALL_COUNTS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "pinion/v1/failure.pb.h"

namespace pinion {

struct CallCounts {
  // Calls that were admitted.
  uint64_t accepted = 0;

  // How they were answered; the sum is answered().
  uint64_t ok = 0;       // By the handler.
  uint64_t error = 0;    // By the handler, or because decoding failed.
  uint64_t expired = 0;  // Its time was over, or that of its caller's token.
  uint64_t cancelled = 0;
  uint64_t stopped = 0;  // By a stop, or a policy that came with a reload.
  uint64_t answered() const {
    return ok + error + expired + cancelled + stopped;
  }

  // The part of these that was answered after the handler had started.
  uint64_t expired_running = 0;
  uint64_t cancelled_running = 0;
  uint64_t stopped_running = 0;

  // `error` by the code of the answer, an absl::StatusCode; another number
  // counts as UNKNOWN.
  static constexpr size_t kCodes = 17;
  std::array<uint64_t, kCodes> error_codes = {};
  // The part of `expired` whose caller's token was over, and the part of
  // `stopped` that a policy did not allow any more.
  uint64_t expired_tokens = 0;
  uint64_t stopped_by_policy = 0;

  // Now. Always: waiting + running = accepted - answered(). An open stream
  // counts as running, and so does a call that its handler keeps to answer
  // later.
  uint64_t waiting = 0;
  uint64_t running = 0;
  // Answered, but the handler still runs or the Call is still kept.
  uint64_t abandoned = 0;

  // Calls that were refused, by v1::Reason.
  std::array<uint64_t, v1::Reason_ARRAYSIZE> refused = {};
  uint64_t refusals() const {
    uint64_t sum = 0;
    for (const uint64_t count : refused) sum += count;
    return sum;
  }
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_COUNTS_H_
