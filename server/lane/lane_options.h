// SPDX-License-Identifier: Apache-2.0
//
// LaneOptions: what the lanes of one hosted service may hold and send.
//
// Threads: plain data.
// Example: Lanes::Create(scheduler, service, {.max_calls = 1000}, running,
//                        owners);
#ifndef PINION_SERVER_LANE_LANE_OPTIONS_H_
#define PINION_SERVER_LANE_LANE_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "pinion/server/log.h"

namespace pinion {

class Observation;
class ReleaseCondition;

struct LaneOptions {
  // The most calls that one lane holds, 1 to WorkList::kMaxCapacity, and the
  // most bytes of their requests, 1 to Credit::kMaxBytes. A call keeps its
  // place until its node is out of the list and its handler has ended, answered
  // or not. A call kept as a Call keeps it until that is finished, and a stream
  // until its handler has returned.
  int64_t max_calls = 16384;
  int64_t max_bytes = int64_t{64} << 20;
  // The most open streams of one lane, 1 to Credit::kMaxCalls. A stream is open
  // from its admission until it is answered, by its handler or otherwise.
  int64_t max_streams = 16384;
  // The largest message that carries a response.
  int64_t max_response_bytes = int64_t{4} << 20;
  // The index of the first worker's lane among all lanes of the server, as a
  // Party counts them.
  size_t first_lane = 0;
  // The number of the service's first method among all methods of the server.
  size_t first_method = 0;
  // A worker counts as stalled once one handler has run this long.
  std::chrono::nanoseconds stall_after = std::chrono::seconds(1);
  // Receives what handlers, hops, timers and background work of shards throw,
  // which calls handlers drop, and hops to workers that do not exist.
  LogSink log = {};
  // Notes the calls that handlers run; null: nobody does. It must outlive the
  // lanes.
  Observation* observation = nullptr;
  // What the answers of batches wait for; null: nothing. It must outlive the
  // lanes.
  ReleaseCondition* release = nullptr;
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_LANE_OPTIONS_H_
