// SPDX-License-Identifier: Apache-2.0
//
// CallCounts: what became of some calls, those of a lane or of a method.
//
// Threads: plain data, its holder's.
// Example: const CallCounts counts = account.OfWorker(3);
//          PINION_CHECK(counts.answered() <= counts.accepted);
#ifndef PINION_SERVER_CALL_COUNTS_H_
#define PINION_SERVER_CALL_COUNTS_H_

#include <array>
#include <cstdint>

#include "pinion/v1/failure.pb.h"

namespace pinion {

struct CallCounts {
  // Calls that were let in.
  uint64_t accepted = 0;

  // How they were answered; together these are the calls that were.
  uint64_t ok = 0;     // By their handler.
  uint64_t error = 0;  // By their handler, or since they cannot be decoded.
  uint64_t expired = 0;
  uint64_t cancelled = 0;
  uint64_t stopped = 0;
  uint64_t answered() const {
    return ok + error + expired + cancelled + stopped;
  }

  // Of these, in the place of a handler that had begun.
  uint64_t expired_running = 0;
  uint64_t cancelled_running = 0;
  uint64_t stopped_running = 0;

  // Now. Always waiting + running = accepted - answered().
  uint64_t waiting = 0;
  uint64_t running = 0;
  // Answered, but their handler still runs.
  uint64_t abandoned = 0;

  // Calls that were not let in, by v1::Reason.
  std::array<uint64_t, v1::Reason_ARRAYSIZE> refused = {};
  uint64_t refusals() const {
    uint64_t sum = 0;
    for (const uint64_t count : refused) sum += count;
    return sum;
  }
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_COUNTS_H_
