// SPDX-License-Identifier: Apache-2.0
//
// LatencyCurve: latencies by percentile, drawn in plain characters.
//
// Threads: plain functions; any thread.
// Example: std::fputs(LatencyCurve(latencies).c_str(), stdout);
//
// The percentiles stand as HdrHistogram's plots have them: each nine takes as
// much room as the one before it. The latencies are on a logarithmic scale.
#ifndef PINION_CLIENT_CLI_LATENCY_CURVE_H_
#define PINION_CLIENT_CLI_LATENCY_CURVE_H_

#include <string>

#include "pinion/client/cli/histogram.h"

namespace pinion::cli {

// Under 80 columns wide; empty if there are fewer than two latencies.
std::string LatencyCurve(const Histogram& latencies);

// As people read it, with three digits: "950 ns", "12.3 us", "1.05 ms", "7.00
// s".
std::string LatencyText(double nanos);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_LATENCY_CURVE_H_
