// SPDX-License-Identifier: Apache-2.0
//
// AddServerMetrics: what the whole server holds, whom it has refused, and what
//                   it has lost.
//
// Threads: any thread; it only reads what it gets.
// Example: AddServerMetrics(server.Snapshot(), families);
#ifndef PINION_SERVER_METRICS_SERVER_METRICS_H_
#define PINION_SERVER_METRICS_SERVER_METRICS_H_

#include "pinion/server/metrics/metric_families.h"
#include "pinion/server/snapshot.h"

namespace pinion {

void AddServerMetrics(const ServerSnapshot& snapshot, MetricFamilies& families);

}  // namespace pinion

#endif  // PINION_SERVER_METRICS_SERVER_METRICS_H_
