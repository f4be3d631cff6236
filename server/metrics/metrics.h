// SPDX-License-Identifier: Apache-2.0
//
// MetricsText: what a server tells Prometheus, in its text form 0.0.4.
//
// Threads: any thread; it only reads what it gets.
// Rule:    docs/metrics.md lists each metric. No label has a key, a peer or
//          anything else that a client can choose.
// Example: const ServerSnapshot snapshot = server.Snapshot();
//          std::string text = MetricsText({.snapshot = snapshot,
//                                          .version = kVersion,
//                                          .process = ReadProcessFacts()});
#ifndef PINION_SERVER_METRICS_METRICS_H_
#define PINION_SERVER_METRICS_METRICS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "pinion/core/thread_times.h"
#include "pinion/server/metrics/process_facts.h"
#include "pinion/server/snapshot.h"

namespace pinion {

struct MetricsInput {
  const ServerSnapshot& snapshot;
  absl::string_view version = {};  // Pinion's.
  ProcessFacts process = {};
  // By worker, as ReadThreadTimes() has read them. Empty: they are not told, as
  // of a server that a test steps.
  std::vector<ThreadTimes> worker_times = {};
};

// The Content-Type of the text.
inline constexpr char kMetricsContentType[] =
    "text/plain; version=0.0.4; charset=utf-8";

std::string MetricsText(const MetricsInput& input);

}  // namespace pinion

#endif  // PINION_SERVER_METRICS_METRICS_H_
