// SPDX-License-Identifier: Apache-2.0
//
// Snapshot: what a server has done with its calls, and has of them now.
//
// Threads: plain data, its holder's.
// Example: const ServerSnapshot snapshot = server.Snapshot();
//          for (const LaneSnapshot& lane : snapshot.lanes) ...
#ifndef PINION_SERVER_SNAPSHOT_H_
#define PINION_SERVER_SNAPSHOT_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/worker_stats.h"
#include "server/call_counts.h"
#include "server/latency_histogram.h"

namespace pinion {

// One hosted service on one worker.
struct LaneSnapshot {
  std::string service;
  int worker = 0;
  CallCounts counts;

  // What is held now, counted apart from `counts`: places, bytes of requests,
  // and how many of the places are in the lists.
  int64_t held_calls = 0;
  int64_t held_bytes = 0;
  int64_t listed_calls = 0;

  // What it lately took for one call; 0 before the first.
  std::chrono::nanoseconds time_per_call{0};
};

// One hosted method on all workers.
struct MethodSnapshot {
  std::string method;  // "/shop.v1.CounterService/Add"
  CallCounts counts;

  // Of the calls that a handler has run: from acceptance to claim, in the list;
  // what its worker's thread slept on after it was told to wake, beside that;
  // and from claim to the handler's end. The three add up to the whole time.
  LatencySummary waited;
  LatencySummary woken_late;
  LatencySummary ran;
};

struct ServerSnapshot {
  std::vector<LaneSnapshot> lanes;
  std::vector<MethodSnapshot> methods;
  std::vector<WorkerStats> workers;

  // What the server holds in all: calls until their answers have left, with the
  // bytes of requests and answers.
  int64_t held_calls = 0;
  int64_t held_bytes = 0;
};

// Whether the account adds up when no call is open: in each lane each accepted
// call was answered once, and nothing is held. INTERNAL with what does not.
absl::Status CheckAtRest(const ServerSnapshot& snapshot);

}  // namespace pinion

#endif  // PINION_SERVER_SNAPSHOT_H_
