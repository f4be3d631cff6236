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
#include "pinion/server/security_snapshot.h"
#include "pinion/server/tracing_snapshot.h"

namespace pinion {

// The entries of one shard's Keyed maps and their bytes, now; and how many were
// removed so far because they had expired, and to make room for others.
struct KeyedCounts {
  int64_t entries = 0;
  int64_t bytes = 0;
  uint64_t expired = 0;
  uint64_t evicted = 0;
};

// One hosted service on one worker.
struct LaneSnapshot {
  std::string service;
  int worker = 0;
  CallCounts counts;

  // Held now, counted separately from `counts`: places, bytes of requests, and
  // those places whose calls are in the lists. And the most of each.
  int64_t held_calls = 0;
  int64_t max_calls = 0;
  int64_t held_bytes = 0;
  int64_t max_bytes = 0;
  int64_t listed_calls = 0;

  // Open streams, and the most that may be; and streams that have ended but are
  // still kept by their handlers, which costs only memory.
  int64_t open_streams = 0;
  int64_t max_streams = 0;
  int64_t kept_streams = 0;

  // The recent time per call; 0 if it is unknown, as before the fourth call and
  // after a second without calls.
  std::chrono::nanoseconds time_per_call{0};
  // How long the calls that wait and the one that runs will take, at that
  // speed; 0 if there are none.
  std::chrono::nanoseconds drain_time{0};

  // The state of its shard, if the shard says so (ShardInfo::keyed_tallies()).
  KeyedCounts keyed;
};

// One hosted method on all workers.
struct MethodSnapshot {
  std::string method;  // "/shop.v1.CounterService/Add"
  bool streams = false;
  CallCounts counts;

  // For the calls that a handler has run. `woken_late`: how long the worker's
  // thread slept on after it was woken. `waited`: the rest of the time in the
  // list, from acceptance to claim. `ran`: from claim to the handler's end. The
  // three add up to the whole time.
  LatencySummary waited;
  LatencySummary woken_late;
  LatencySummary ran;
};

// What the watch for stalls has seen of one worker.
struct WorkerStalls {
  // Whether one handler has held it for too long, now; and how often that has
  // begun.
  bool stalled = false;
  uint64_t times = 0;
};

struct SessionCounts {
  int64_t open = 0;     // Now.
  uint64_t opened = 0;  // Since the start.
};

// Lines that a log has not written: too many of their kind came, or whoever
// takes them was too slow.
struct LogLosses {
  uint64_t left_out = 0;
  uint64_t dropped = 0;
};

struct ServerSnapshot {
  std::vector<LaneSnapshot> lanes;
  std::vector<MethodSnapshot> methods;
  std::vector<WorkerStats> workers;

  // Held by the whole server: calls until their answers have left, and the
  // bytes of their requests, metadata and answers.
  int64_t held_calls = 0;
  int64_t held_bytes = 0;
  // The most of each that it has held at a time, and that it may hold.
  int64_t most_calls = 0;
  int64_t most_bytes = 0;
  int64_t max_calls = 0;
  int64_t max_bytes = 0;

  // Whether health reports SERVING for the whole server, and whether it stops.
  bool serving = false;
  bool stopping = false;
  std::vector<WorkerStalls> stalls;  // By worker.

  SessionCounts sessions;

  // For a pinion::Server. All 0 in a Hosting, whose connections gRPC accepts.
  ConnectionCounts connections;

  // What the policy has decided; none: there is no policy. And what the limits
  // of parties have refused.
  std::optional<PolicySnapshot> policy;
  PartyLimitsSnapshot limits;

  // The spans of traced calls.
  TracingSnapshot tracing;

  std::optional<TokenCounts> tokens;  // None: tokens are not judged.
  std::optional<TlsEnds> tls;         // None: the listener does not encrypt.
  LogLosses log;
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
