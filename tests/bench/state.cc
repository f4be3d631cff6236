// SPDX-License-Identifier: Apache-2.0
//
// state: what it brings to have no locks: counters by name, with work to do on
// each, in Pinion's shards beside gRPC's own servers with one mutex and with
// many.
//
// Each server is a process of its own; one client calls them in turn, several
// rounds of all, each round in another order.
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "pinion/tests/bench/counter/counter.h"
#include "pinion/tests/bench/counter/counter_asker.h"
#include "pinion/tests/bench/counter/counter_client.h"
#include "pinion/tests/bench/counter/counter_servers.h"
#include "pinion/tests/bench/support/bench_servers.h"
#include "pinion/tests/bench/support/child_process.h"
#include "pinion/tests/bench/support/measure_rounds.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/report.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the tables");
ABSL_FLAG(int, rounds, 7, "how often each is measured; 1 to 1000");
ABSL_FLAG(double, seconds, 0.5,
          "how long one measurement takes; above 0, at most 60");
ABSL_FLAG(std::vector<std::string>, impls, {},
          "what to measure, by name, separated by commas; empty: all");
ABSL_FLAG(std::vector<std::string>, keys, {},
          "how keys are drawn, uniform or zipf, separated by commas; empty: "
          "both");
ABSL_FLAG(
    std::vector<std::string>, work_us, std::vector<std::string>({"1", "10"}),
    "how many microseconds of work each call has, 0 to 1000, separated by "
    "commas");
ABSL_FLAG(std::vector<std::string>, in_flight, std::vector<std::string>({"64"}),
          "how many calls to keep in flight, 1 to 10000, separated by commas");

namespace pinion::bench {
namespace {

constexpr absl::string_view kUsage =
    "usage: state [FLAG]...\n\n"
    "Measures additions to 10,000 counters over TCP loopback. Each call works "
    "on its\ncounter for a while, and nobody else may touch that meanwhile.\n"
    "  unary             Pinion, by unary calls\n"
    "  session           the same server, within a client's session\n"
    "  sync_mutex        gRPC's synchronous server, one mutex for all "
    "counters\n"
    "  striped_N         the same with N mutexes, by the hash of the name\n"
    "  callback_striped  gRPC's callback server with 64 mutexes\n"
    "All but `session` are called by the same client in the same way.";

constexpr absl::Duration kWarmUp = absl::Milliseconds(300);

const BenchServers& Servers() {
  static const auto* const servers = new BenchServers{
      {"unary", StartPinionCounters},
      {"session", StartPinionCounters},
      {"sync_mutex", StartSyncMutexCounters},
      {"striped_64", [] { return StartSyncStripedCounters(64); }},
      {"striped_1024", [] { return StartSyncStripedCounters(1024); }},
      {"callback_striped", [] { return StartCallbackStripedCounters(64); }},
  };
  return *servers;
}

struct Plan {
  std::vector<std::string> impls;
  std::vector<std::string> keys;
  std::vector<int> work_us;
  std::vector<int> in_flight;
  int rounds;
  absl::Duration length;
};

Plan PlanFromFlags() {
  return {.impls = CheckedNames(FLAGS_impls, NamesOf(Servers())),
          .keys = CheckedNames(FLAGS_keys, {"uniform", "zipf"}),
          .work_us = CheckedNumbers(FLAGS_work_us, 0, 1000),
          .in_flight = CheckedNumbers(FLAGS_in_flight, 1, 10'000),
          .rounds = CheckedFlag(FLAGS_rounds, 1, 1000),
          .length = CheckedSeconds(FLAGS_seconds, 60)};
}

Report MakeReport() {
  Report report("state", {"keys", "work_us", "in_flight"},
                {{"rps", 0},
                 {"p50_us", 1},
                 {"p99_us", 1},
                 {"cpu_us_per_call", 2},
                 {"client_us_per_call", 2}});
  report.Describe("striped_64", "striped", "stripes", 64);
  report.Describe("striped_1024", "striped", "stripes", 1024);
  report.Describe("callback_striped", "callback_striped", "stripes", 64);
  report.Compare("unary", "sync_mutex");
  report.Compare("unary", "striped_64");
  report.Compare("unary", "striped_1024");
  report.Compare("unary", "callback_striped");
  report.Compare("session", "sync_mutex");
  report.Compare("session", "striped_64");
  return report;
}

// A server, and what calls it.
struct Contender {
  explicit Contender(std::unique_ptr<ChildProcess> child)
      : server(std::move(child)),
        client(*server, name() == "session" ? CounterClient::Way::kSession
                                            : CounterClient::Way::kUnary) {}

  const std::string& name() const { return server->role(); }

  std::unique_ptr<ChildProcess> server;
  CounterClient client;
};

// What is asked of all contenders alike.
struct Cell {
  std::string law;
  int work_us;
  int in_flight;
  CounterLoad load;
};

std::string Describe(const Cell& cell) {
  return absl::StrCat(cell.law, ", ", cell.work_us, " us of work, ",
                      CallsInFlight(cell.in_flight));
}

// All that the plan asks for; `keys` are drawn by each of its laws.
std::vector<Cell> CellsOf(const Plan& plan,
                          const std::vector<std::vector<uint32_t>>& keys) {
  const double rounds = RoundsPerMicrosecond();
  std::vector<Cell> cells;
  for (size_t law = 0; law < keys.size(); ++law) {
    for (const int work_us : plan.work_us) {
      for (const int in_flight : plan.in_flight) {
        const auto work = static_cast<uint32_t>(std::lround(work_us * rounds));
        cells.push_back({plan.keys[law],
                         work_us,
                         in_flight,
                         {.keys = &keys[law], .work_rounds = work}});
      }
    }
  }
  return cells;
}

absl::Status MeasureAll(const Plan& plan, const std::vector<Cell>& cells,
                        std::vector<Contender>& contenders, Report& report) {
  for (Contender& contender : contenders) {
    const auto warm = contender.client.Measure(
        cells.front().load, cells.front().in_flight, kWarmUp);
    if (!warm.ok()) return warm.status();
  }
  return MeasureRounds(
      plan.rounds, cells, contenders, Describe,
      [&](Contender& contender, const Cell& cell) {
        const auto figures =
            contender.client.Measure(cell.load, cell.in_flight, plan.length);
        if (!figures.ok()) return figures.status();
        report.Add(contender.name(), {cell.law, cell.work_us, cell.in_flight},
                   {figures->rps, figures->p50_us, figures->p99_us,
                    figures->cpu_us_per_call, figures->client_us_per_call});
        return absl::OkStatus();
      });
}

absl::Status Run(const Plan& plan) {
  std::vector<std::vector<uint32_t>> keys;
  for (const std::string& law : plan.keys) keys.push_back(DrawKeys(law));
  const std::vector<Cell> cells = CellsOf(plan, keys);
  auto servers = StartProcesses(plan.impls);
  if (!servers.ok()) return servers.status();
  std::vector<Contender> contenders;
  for (auto& server : *servers) contenders.emplace_back(std::move(server));
  Report report = MakeReport();
  const absl::Status status = MeasureAll(plan, cells, contenders, report);
  if (!status.ok()) return status;
  report.Print(
      absl::GetFlag(FLAGS_json),
      absl::StrFormat("Additions to 10,000 counters over TCP loopback; medians "
                      "of %d rounds of %s.",
                      plan.rounds, absl::FormatDuration(plan.length)));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ServeIfChild(argc, argv, Servers());
  ParseFlags(argc, argv, kUsage);
  return ExitCode(Run(PlanFromFlags()));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
