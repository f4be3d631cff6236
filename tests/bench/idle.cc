// SPDX-License-Identifier: Apache-2.0
//
// idle: how long a call takes that comes alone, after a second and a half
// without any.
//
// gRPC's callback threads may then be deaf for up to 100 ms; Pinion's I/O
// threads should not be, no more than those of a plain completion queue.
#include <cstdint>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "pinion/tests/bench/echo/contenders.h"
#include "pinion/tests/bench/echo/echo_servers.h"
#include "pinion/tests/bench/echo/open_loop.h"
#include "pinion/tests/bench/support/bench_servers.h"
#include "pinion/tests/bench/support/percentile.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the table");
ABSL_FLAG(int, rounds, 100, "how many calls each server gets; 1 to 1000");
ABSL_FLAG(double, seconds, 1.5,
          "the time from one call of a server to its next; above 0, at most "
          "60");

namespace pinion::bench {
namespace {

constexpr char kUsage[] =
    "usage: idle [FLAG]...\n\n"
    "Measures the latency of calls that come one at a time, each after a while "
    "in\n"
    "which the server had nothing to do. An echo of 64 bytes over TCP "
    "loopback, "
    "of\n"
    "Pinion and of gRPC's completion queue, both in the same run, half a "
    "period\n"
    "apart. By default it takes 150 seconds; with fewer --rounds or --seconds, "
    "less.";

const BenchServers& Servers() {
  static const auto* const servers =
      new BenchServers{{"pinion", StartPinion}, {"cq", StartCq}};
  return *servers;
}

// One for each server; they take turns.
std::vector<Load> MakeLoads(int calls, absl::Duration period,
                            std::vector<Contender>& contenders) {
  std::vector<Load> loads;
  for (Contender& contender : contenders) {
    const int index = static_cast<int>(loads.size());
    const int count = static_cast<int>(contenders.size());
    loads.push_back({.to = &contender.client.connections(),
                     .per_second = 1 / absl::ToDoubleSeconds(period),
                     .first = period * (index + 1) / count,
                     // Not the whole of the last, lest rounding add one.
                     .length = period * (calls - 0.5)});
  }
  return loads;
}

std::vector<double> FiguresOf(const std::vector<Outcome>& outcomes) {
  std::vector<int64_t> latencies;
  for (const Outcome& outcome : outcomes) {
    latencies.push_back(outcome.latency_ns());
  }
  return {Percentile(0.5, latencies) / 1e3, Percentile(0.99, latencies) / 1e3,
          Percentile(1, latencies) / 1e3};
}

absl::Status Measure(int calls, absl::Duration period) {
  Report report("idle", {}, {{"p50_us", 1}, {"p99_us", 1}, {"max_us", 1}});
  report.Compare("pinion", "cq", "p99_us");
  auto contenders = StartContenders(NamesOf(Servers()));
  if (!contenders.ok()) return contenders.status();
  {
    Progress progress;
    progress.Show(absl::StrCat(calls, " calls, each ",
                               absl::FormatDuration(period),
                               " after the one before"));
    const auto outcomes = RunOpenLoop(MakeLoads(calls, period, *contenders));
    if (!outcomes.ok()) return outcomes.status();
    for (size_t i = 0; i < contenders->size(); ++i) {
      report.Add((*contenders)[i].name(), {}, FiguresOf((*outcomes)[i]));
    }
  }
  report.Print(absl::GetFlag(FLAGS_json),
               absl::StrFormat("%d calls of each, one each %s; the ratio is "
                               "that of p99.",
                               calls, absl::FormatDuration(period)));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ServeIfChild(argc, argv, Servers());
  ParseFlags(argc, argv, kUsage);
  return ExitCode(Measure(CheckedFlag(FLAGS_rounds, 1, 1000),
                          CheckedSeconds(FLAGS_seconds, 60)));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
