// SPDX-License-Identifier: Apache-2.0
//
// unary: what a plain unary call costs when a pinned worker runs it, beside
// gRPC's own ways to serve the same echo.
//
// Each server is a process of its own; one client calls them in turn, several
// rounds of all, each round in another order.
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "pinion/tests/bench/echo/contenders.h"
#include "pinion/tests/bench/echo/echo_servers.h"
#include "pinion/tests/bench/support/bench_servers.h"
#include "pinion/tests/bench/support/measure_rounds.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/report.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the tables");
ABSL_FLAG(int, rounds, 7, "how often each is measured; 1 to 1000");
ABSL_FLAG(double, seconds, 0.8,
          "how long one measurement takes; above 0, at most 60");
ABSL_FLAG(std::vector<std::string>, impls, {},
          "what to measure, by name, separated by commas; empty: all");
ABSL_FLAG(std::vector<std::string>, in_flight,
          std::vector<std::string>({"1", "64", "512"}),
          "how many calls to keep in flight, 1 to 10000, separated by commas");

namespace pinion::bench {
namespace {

constexpr absl::string_view kUsage =
    "usage: unary [FLAG]...\n\n"
    "Measures an echo of 64 bytes over TCP loopback, as a plain unary call, "
    "served\nby Pinion and in gRPC's own ways, at several numbers of calls in "
    "flight.";

struct Plan {
  std::vector<std::string> impls;
  std::vector<int> in_flight;
  int rounds;
  absl::Duration length;
};

const BenchServers& Servers() {
  static const auto* const servers = new BenchServers{
      {"pinion", StartPinion},
      {"callback_inline", StartCallbackInline},
      {"callback_mutex_queue", StartCallbackMutexQueue},
      {"sync", StartSync},
      {"cq", StartCq},
  };
  return *servers;
}

Plan PlanFromFlags() {
  return {.impls = CheckedNames(FLAGS_impls, NamesOf(Servers())),
          .in_flight = CheckedNumbers(FLAGS_in_flight, 1, 10'000),
          .rounds = CheckedFlag(FLAGS_rounds, 1, 1000),
          .length = CheckedSeconds(FLAGS_seconds, 60)};
}

absl::Status Measure(const Plan& plan) {
  Report report(
      "unary", {"in_flight"},
      {{"rps", 0}, {"p50_us", 1}, {"p99_us", 1}, {"cpu_us_per_call", 2}});
  for (const BenchServer& server : Servers()) {
    if (server.name != "pinion") report.Compare("pinion", server.name);
  }
  absl::StatusOr<std::vector<Contender>> contenders =
      StartContenders(plan.impls);
  if (!contenders.ok()) return contenders.status();
  const absl::Status status = MeasureRounds(
      plan.rounds, plan.in_flight, *contenders, CallsInFlight,
      [&](Contender& contender, int in_flight) {
        const auto figures = contender.client.Measure(in_flight, plan.length);
        if (!figures.ok()) return figures.status();
        report.Add(contender.name(), {in_flight},
                   {figures->rps, figures->p50_us, figures->p99_us,
                    figures->cpu_us_per_call});
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  report.Print(absl::GetFlag(FLAGS_json),
               absl::StrFormat("Echo of 64 bytes over TCP loopback, unary; "
                               "medians of %d rounds of %s.",
                               plan.rounds, absl::FormatDuration(plan.length)));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ServeIfChild(argc, argv, Servers());
  ParseFlags(argc, argv, kUsage);
  return ExitCode(Measure(PlanFromFlags()));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
