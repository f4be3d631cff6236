// SPDX-License-Identifier: Apache-2.0
//
// AddWorkerMetrics: what each worker does with its time.
//
// Threads: any thread; it only reads what it gets.
// Example: AddWorkerMetrics(snapshot, times, families);
#ifndef PINION_SERVER_METRICS_WORKER_METRICS_H_
#define PINION_SERVER_METRICS_WORKER_METRICS_H_

#include <vector>

#include "pinion/core/thread_times.h"
#include "pinion/server/metrics/metric_families.h"
#include "pinion/server/snapshot.h"

namespace pinion {

// `times` are by worker, or empty.
void AddWorkerMetrics(const ServerSnapshot& snapshot,
                      const std::vector<ThreadTimes>& times,
                      MetricFamilies& families);

}  // namespace pinion

#endif  // PINION_SERVER_METRICS_WORKER_METRICS_H_
