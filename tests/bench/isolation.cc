// SPDX-License-Identifier: Apache-2.0
//
// isolation: whether calls that are slow on one worker hold up the calls of the
// others, beside gRPC's own ways to serve, which have no workers.
//
// Each server is a process of its own. One client loads them in turn, with slow
// calls and without, several rounds of all, each round in another order.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "pinion/tests/bench/echo/contenders.h"
#include "pinion/tests/bench/echo/echo_servers.h"
#include "pinion/tests/bench/echo/open_loop.h"
#include "pinion/tests/bench/support/bench_servers.h"
#include "pinion/tests/bench/support/order_of_round.h"
#include "pinion/tests/bench/support/percentile.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the tables");
ABSL_FLAG(int, rounds, 5, "how often each is measured; 1 to 1000");
ABSL_FLAG(double, seconds, 1.2,
          "how long one measurement takes; above 0, at most 60");
ABSL_FLAG(int, rps, 1000,
          "how many light calls are begun in a second; 1 to 100000");

namespace pinion::bench {
namespace {

constexpr char kUsage[] =
    "usage: isolation [FLAG]...\n\n"
    "Measures the latencies of light calls, with and without slow calls beside "
    "them.\n"
    "A light call is an echo of 64 bytes; they are begun by the clock, at "
    "random, and\n"
    "timed from when they were due. Slow calls come 28 times in a second; one "
    "takes\n"
    "10 ms, and does what the group says:\n"
    "  block  nothing, as one that waits for a disk\n"
    "  spin   it uses the CPU, so that others may lack it\n"
    "Of Pinion, with two workers, all slow calls have one worker and all light "
    "ones\n"
    "the other; gRPC's own servers put them wherever they do. By default it "
    "takes\n"
    "just under two minutes.";

constexpr int kSlowWorker = 0;
constexpr int kLightWorker = 1;

// With 10 ms each, and what a sleep takes longer, less than 30 % of the time.
constexpr double kSlowRps = 28;
constexpr uint32_t kSlowMicros = 10'000;

// What comes before is not measured: after a second without calls gRPC's
// callback threads may be deaf for 100 ms.
constexpr absl::Duration kLeadIn = absl::Milliseconds(150);

struct Slow {
  const char* name;
  EchoAsk ask;
};

constexpr Slow kSlows[] = {
    {"block", {.worker = kSlowWorker, .block_us = kSlowMicros}},
    {"spin", {.worker = kSlowWorker, .spin_us = kSlowMicros}},
};

const BenchServers& Servers() {
  static const auto* const servers = new BenchServers{
      {"pinion", StartPinionWithTwoWorkers},
      {"callback_inline", StartCallbackInline},
      {"cq", StartCq},
      {"sync", StartSync},
  };
  return *servers;
}

struct Plan {
  int rounds;
  absl::Duration length;
  int rps;
};

// The latencies of the light calls that were due after the lead-in.
std::vector<int64_t> LatenciesOf(const std::vector<Outcome>& light) {
  int64_t begun_ns = INT64_MAX;
  for (const Outcome& call : light) {
    begun_ns = std::min(begun_ns, call.due_ns);
  }
  std::vector<int64_t> latencies;
  for (const Outcome& call : light) {
    if (call.due_ns < begun_ns + absl::ToInt64Nanoseconds(kLeadIn)) continue;
    latencies.push_back(call.latency_ns());
  }
  return latencies;
}

// `slow` is null for a load without.
absl::StatusOr<std::vector<int64_t>> LightLatencies(
    const Plan& plan, int round, const Slow* slow,
    EchoConnections& connections) {
  const absl::Duration length = kLeadIn + plan.length;
  // The seed is the round's, so that both loads have the same light calls.
  std::vector<Load> loads = {{.to = &connections,
                              .ask = {.worker = kLightWorker},
                              .per_second = static_cast<double>(plan.rps),
                              .length = length,
                              .seed = static_cast<uint64_t>(round)}};
  if (slow != nullptr) {
    loads.push_back({.to = &connections,
                     .ask = slow->ask,
                     .per_second = kSlowRps,
                     .length = length});
  }
  const auto outcomes = RunOpenLoop(loads);
  if (!outcomes.ok()) return outcomes.status();
  return LatenciesOf((*outcomes)[0]);
}

absl::Status MeasureOne(const Plan& plan, int round, const Slow& slow,
                        bool with, Contender& contender, Report& report) {
  auto latencies = LightLatencies(plan, round, with ? &slow : nullptr,
                                  contender.client.connections());
  if (!latencies.ok()) return latencies.status();
  report.Add(
      with ? "with" : "without", {contender.name(), slow.name},
      {Percentile(0.5, *latencies) / 1e3, Percentile(0.99, *latencies) / 1e3,
       Percentile(0.999, *latencies) / 1e3});
  return absl::OkStatus();
}

absl::Status MeasureRound(const Plan& plan, int round,
                          std::vector<Contender>& contenders, Report& report) {
  Progress progress;
  for (const Slow& slow : kSlows) {
    for (Contender* contender : InOrderOfRound(contenders, round)) {
      progress.Show(absl::StrCat("round ", round + 1, " of ", plan.rounds, ": ",
                                 contender->name(), ", ", slow.name));
      for (const bool second : {false, true}) {
        // The first in one round is the second in the next.
        const bool with = second == (round % 2 == 0);
        const absl::Status status =
            MeasureOne(plan, round, slow, with, *contender, report);
        if (!status.ok()) return status;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Measure(const Plan& plan) {
  Report report("isolation", {"impl", "slow"},
                {{"p50_us", 1}, {"p99_us", 1}, {"p999_us", 1}}, "slow_calls");
  report.Compare("with", "without", "p99_us");
  auto contenders = StartContenders(NamesOf(Servers()));
  if (!contenders.ok()) return contenders.status();
  for (int round = 0; round < plan.rounds; ++round) {
    const absl::Status status = MeasureRound(plan, round, *contenders, report);
    if (!status.ok()) return status;
  }
  report.Print(absl::GetFlag(FLAGS_json),
               absl::StrFormat(
                   "Light calls, %d in a second, with slow calls beside "
                   "them and without;\nmedians of %d rounds of %s; the "
                   "ratio is that of p99.",
                   plan.rps, plan.rounds, absl::FormatDuration(plan.length)));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ServeIfChild(argc, argv, Servers());
  ParseFlags(argc, argv, kUsage);
  return ExitCode(Measure({.rounds = CheckedFlag(FLAGS_rounds, 1, 1000),
                           .length = CheckedSeconds(FLAGS_seconds, 60),
                           .rps = CheckedFlag(FLAGS_rps, 1, 100'000)}));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
