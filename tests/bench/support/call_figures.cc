// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/call_figures.h"

#include <algorithm>

#include "pinion/core/monotonic_nanos.h"
#include "pinion/tests/bench/support/percentile.h"

namespace pinion::bench {

CallMeter::CallMeter(const ChildProcess& server)
    : server_(server), usage_(Now()) {}

void CallMeter::Stop(int64_t calls) {
  const Usage now = Now();
  usage_ = {.nanos = now.nanos - usage_.nanos,
            .server = now.server - usage_.server,
            .client = now.client - usage_.client};
  calls_ = calls;
}

CallFigures CallMeter::Figures(std::vector<int64_t>& latencies_ns) const {
  const auto calls = static_cast<double>(std::max<int64_t>(1, calls_));
  return {
      .rps =
          static_cast<double>(calls_) * 1e9 / static_cast<double>(usage_.nanos),
      .p50_us = Percentile(0.5, latencies_ns) / 1e3,
      .p99_us = Percentile(0.99, latencies_ns) / 1e3,
      .worst_us = Percentile(1, latencies_ns) / 1e3,
      .cpu_us_per_call = absl::ToDoubleMicroseconds(usage_.server) / calls,
      .client_us_per_call = absl::ToDoubleMicroseconds(usage_.client) / calls};
}

CallMeter::Usage CallMeter::Now() const {
  return {.nanos = MonotonicNanos(),
          .server = server_.CpuTime(),
          .client = OwnCpuTime()};
}

}  // namespace pinion::bench
