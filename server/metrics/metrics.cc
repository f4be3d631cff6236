// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/metrics/metrics.h"

#include "pinion/server/metrics/call_metrics.h"
#include "pinion/server/metrics/metric_families.h"
#include "pinion/server/metrics/server_metrics.h"
#include "pinion/server/metrics/worker_metrics.h"

namespace pinion {
namespace {

// With the names that Prometheus' own clients give them.
void AddProcess(const ProcessFacts& process, MetricFamilies& families) {
  families
      .Gauge("process_start_time_seconds",
             "When the process started, in seconds since 1970.")
      .Add({}, process.start_seconds);
  families
      .Counter("process_cpu_seconds_total",
               "Seconds on a CPU, of all threads, user and system.")
      .Add({}, process.cpu_seconds);
  families.Gauge("process_resident_memory_bytes", "Bytes of memory in RAM.")
      .Add({}, static_cast<double>(process.resident_bytes));
  families.Gauge("process_virtual_memory_bytes", "Bytes of address space.")
      .Add({}, static_cast<double>(process.virtual_bytes));
  families.Gauge("process_threads", "Threads of the process.")
      .Add({}, static_cast<double>(process.threads));
  families.Gauge("process_open_fds", "Files that are open, sockets included.")
      .Add({}, static_cast<double>(process.open_files));
  families.Gauge("process_max_fds", "The most files that may be open.")
      .Add({}, static_cast<double>(process.max_files));
}

}  // namespace

std::string MetricsText(const MetricsInput& input) {
  MetricFamilies families;
  families.Gauge("pinion_build_info", "1, with Pinion's version as a label.")
      .Add({{"version", std::string(input.version)}}, 1);
  AddProcess(input.process, families);
  AddServerMetrics(input.snapshot, families);
  AddCallMetrics(input.snapshot, families);
  AddWorkerMetrics(input.snapshot, input.worker_times, families);
  return families.Text();
}

}  // namespace pinion
