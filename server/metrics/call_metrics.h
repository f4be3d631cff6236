// SPDX-License-Identifier: Apache-2.0
//
// AddCallMetrics: what became of calls, by method, and what each lane holds.
//
// Threads: any thread; it only reads what it gets.
// Example: AddCallMetrics(server.Snapshot(), families);
#ifndef PINION_SERVER_METRICS_CALL_METRICS_H_
#define PINION_SERVER_METRICS_CALL_METRICS_H_

#include "pinion/server/metrics/metric_families.h"
#include "pinion/server/snapshot.h"

namespace pinion {

void AddCallMetrics(const ServerSnapshot& snapshot, MetricFamilies& families);

}  // namespace pinion

#endif  // PINION_SERVER_METRICS_CALL_METRICS_H_
