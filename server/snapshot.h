// SPDX-License-Identifier: Apache-2.0
//
// Snapshot: what a server has done with its calls, and what it holds now.
//
// Threads: plain data.
// Example: const ServerSnapshot snapshot = server.Snapshot();
//          for (const LaneSnapshot& lane : snapshot.lanes) ...
#ifndef PINION_SERVER_SNAPSHOT_H_
#define PINION_SERVER_SNAPSHOT_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "pinion/core/worker_stats.h"
#include "pinion/server/call_counts.h"
#include "pinion/server/connection_counts.h"
#include "pinion/server/latency_histogram.h"
#include "pinion/server/policy_snapshot.h"
#include "pinion/server/tracing_snapshot.h"

namespace pinion {

// One hosted service on one worker.
struct LaneSnapshot {
  std::string service;
  int worker = 0;
  CallCounts counts;

  // Held now, counted separately from `counts`: places, bytes of requests, and
  // those places whose calls are in the lists.
  int64_t held_calls = 0;
  int64_t held_bytes = 0;
  int64_t listed_calls = 0;

  // Open streams; and streams that have ended but are still kept by their
  // handlers, which costs only memory.
  int64_t open_streams = 0;
  int64_t kept_streams = 0;

  // The recent time per call; 0 if it is unknown, as before the fourth call and
  // after a second without calls.
  std::chrono::nanoseconds time_per_call{0};
};

// One hosted method on all workers.
struct MethodSnapshot {
  std::string method;  // "/shop.v1.CounterService/Add"
  CallCounts counts;

  // For the calls that a handler has run. `woken_late`: how long the worker's
  // thread slept on after it was woken. `waited`: the rest of the time in the
  // list, from acceptance to claim. `ran`: from claim to the handler's end. The
  // three add up to the whole time.
  LatencySummary waited;
  LatencySummary woken_late;
  LatencySummary ran;
};

struct ServerSnapshot {
  std::vector<LaneSnapshot> lanes;
  std::vector<MethodSnapshot> methods;
  std::vector<WorkerStats> workers;

  // Held by the whole server: calls until their answers have left, and the
  // bytes of their requests, metadata and answers.
  int64_t held_calls = 0;
  int64_t held_bytes = 0;
  // The most of each that it has held at a time.
  int64_t most_calls = 0;
  int64_t most_bytes = 0;

  // For a pinion::Server. All 0 in a Hosting, whose connections gRPC accepts.
  ConnectionCounts connections;

  // What the policy has decided; none: there is no policy. And what the limits
  // of parties have refused.
  std::optional<PolicySnapshot> policy;
  PartyLimitsSnapshot limits;

  // The spans of traced calls.
  TracingSnapshot tracing;
};

// The open calls of each method that has any, for people: "3 of
// /shop.v1.CounterService/Add (2 waiting, 1 running)", with commas between; ""
// if there are none.
std::string DescribeOpenCalls(const ServerSnapshot& snapshot);

// Checks the account while no call is open: each lane must have answered each
// accepted call once, and hold nothing. Returns INTERNAL with what does not add
// up.
absl::Status CheckAtRest(const ServerSnapshot& snapshot);

}  // namespace pinion

#endif  // PINION_SERVER_SNAPSHOT_H_
