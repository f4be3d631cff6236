// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/metrics/worker_metrics.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "pinion/core/task.h"
#include "pinion/core/worker_stats.h"

namespace pinion {
namespace {

using prometheus::MetricType;
using Labels = MetricFamilies::Labels;
using Family = MetricFamilies::Family;

double Seconds(uint64_t nanos) { return static_cast<double>(nanos) / 1e9; }
double Seconds(std::chrono::nanoseconds span) {
  return std::chrono::duration<double>(span).count();
}

Labels LabelsOf(size_t worker) { return {{"worker", absl::StrCat(worker)}}; }
Labels LabelsOfWorker(const WorkerStats& worker) {
  return LabelsOf(static_cast<size_t>(worker.worker));
}

constexpr MetricFamilies::Column<WorkerStats> kColumns[] = {
    {MetricType::Counter, "pinion_worker_busy_seconds_total",
     "Seconds in which the worker ran calls and other work.",
     [](const WorkerStats& worker) { return Seconds(worker.busy_ns); }},
    {MetricType::Counter, "pinion_worker_idle_seconds_total",
     "Seconds in which the worker had nothing to do: it spun or slept. A "
     "sleep is counted when it ends.",
     [](const WorkerStats& worker) { return Seconds(worker.idle_ns); }},
    {MetricType::Gauge, "pinion_worker_longest_run_seconds",
     "Seconds of the longest run of one task since the start.",
     [](const WorkerStats& worker) { return Seconds(worker.longest_run_ns); }},
    {MetricType::Counter, "pinion_worker_rounds_total",
     "Rounds in which the worker ran what was due.",
     [](const WorkerStats& worker) -> double { return worker.rounds; }},
    {MetricType::Counter, "pinion_worker_items_total",
     "Items that the worker took out of its lists, calls among them.",
     [](const WorkerStats& worker) -> double { return worker.items; }},
    {MetricType::Counter, "pinion_worker_sleeps_total",
     "How often the worker's thread went to sleep.",
     [](const WorkerStats& worker) -> double { return worker.sleeps; }},
    {MetricType::Counter, "pinion_worker_spins_paid_total",
     "How often work arrived while the worker spun before a sleep.",
     [](const WorkerStats& worker) -> double { return worker.spins_paid; }},
    {MetricType::Counter, "pinion_worker_spins_unpaid_total",
     "How often the worker spun before a sleep and no work arrived.",
     [](const WorkerStats& worker) -> double { return worker.spins_unpaid; }},
    {MetricType::Counter, "pinion_worker_wakes_sent_total",
     "How often another thread woke the worker with a system call.",
     [](const WorkerStats& worker) -> double { return worker.wakes_sent; }},
    {MetricType::Counter, "pinion_worker_wakes_skipped_total",
     "How often another thread gave the worker a task and it was awake.",
     [](const WorkerStats& worker) -> double { return worker.wakes_skipped; }},
    {MetricType::Gauge, "pinion_worker_timers_armed",
     "Timers that are armed now.",
     [](const WorkerStats& worker) -> double { return worker.timers_armed; }},
    {MetricType::Counter, "pinion_worker_timers_fired_total",
     "Timers that have fired.",
     [](const WorkerStats& worker) -> double { return worker.timers_fired; }},
};

constexpr std::array<const char*, kTaskClasses> kClassNames = {
    "urgent", "normal", "bulk"};

void AddRuns(const ServerSnapshot& snapshot, MetricFamilies& families) {
  Family runs = families.Counter("pinion_worker_runs_total",
                                 "Runs of tasks, by their class.");
  for (const WorkerStats& worker : snapshot.workers) {
    for (size_t i = 0; i < worker.runs.size(); ++i) {
      runs.Add(
          {{"worker", absl::StrCat(worker.worker)}, {"class", kClassNames[i]}},
          static_cast<double>(worker.runs[i]));
    }
  }
}

void AddTimes(const std::vector<ThreadTimes>& times, MetricFamilies& families) {
  Family cpu = families.Counter("pinion_worker_cpu_seconds_total",
                                "Seconds in which the worker's thread was on a "
                                "CPU, says the kernel.");
  for (size_t i = 0; i < times.size(); ++i) {
    cpu.Add(LabelsOf(i), Seconds(times[i].cpu));
  }
  Family delay = families.Counter(
      "pinion_worker_not_given_seconds_total",
      "Seconds in which the worker's thread was ready and others had its CPU, "
      "says the kernel. What a hypervisor takes is not in it.");
  for (size_t i = 0; i < times.size(); ++i) {
    delay.Add(LabelsOf(i), Seconds(times[i].run_delay));
  }
}

void AddStalls(const ServerSnapshot& snapshot, MetricFamilies& families) {
  Family stalled = families.Gauge(
      "pinion_worker_stalled",
      "1 if one handler has held the worker for longer than stall_after, else "
      "0.");
  for (size_t i = 0; i < snapshot.stalls.size(); ++i) {
    stalled.Add(LabelsOf(i), snapshot.stalls[i].stalled ? 1 : 0);
  }
  Family stalls = families.Counter(
      "pinion_worker_stalls_total",
      "How often one handler has held the worker for longer than stall_after.");
  for (size_t i = 0; i < snapshot.stalls.size(); ++i) {
    stalls.Add(LabelsOf(i), static_cast<double>(snapshot.stalls[i].times));
  }
}

}  // namespace

void AddWorkerMetrics(const ServerSnapshot& snapshot,
                      const std::vector<ThreadTimes>& times,
                      MetricFamilies& families) {
  families.AddColumns<WorkerStats>(kColumns, snapshot.workers, LabelsOfWorker);
  AddRuns(snapshot, families);
  AddTimes(times, families);
  AddStalls(snapshot, families);
}

}  // namespace pinion
