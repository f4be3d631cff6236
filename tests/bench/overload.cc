// SPDX-License-Identifier: Apache-2.0
//
// overload: what a worker still does for calls with a deadline when twice as
// many come as it can run.
//
// A call spins, so that the worker is the limit and not the wire. The calls
// come from CPUs that no worker has, and within sessions, since what makes them
// must not take the CPU that is measured. Latencies are counted from when a
// call was due: see open_loop.h.
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "pinion/core/cpu/affinity.h"
#include "pinion/core/cpu/cpu_plan.h"
#include "pinion/core/cpu/machine.h"
#include "pinion/core/monotonic_nanos.h"
#include "pinion/tests/bench/echo/begun_calls.h"
#include "pinion/tests/bench/echo/echo_servers.h"
#include "pinion/tests/bench/echo/open_loop.h"
#include "pinion/tests/bench/overload_clients.h"
#include "pinion/tests/bench/support/bench_servers.h"
#include "pinion/tests/bench/support/busy_loops.h"
#include "pinion/tests/bench/support/percentile.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the table");
ABSL_FLAG(int, rounds, 5, "how often it is all measured; 1 to 1000");
ABSL_FLAG(double, seconds, 10,
          "how long the overload lasts; above 0, at most 60");
ABSL_FLAG(bool, unary, false, "unary calls, in place of those of a session");
ABSL_FLAG(int, loops, 0,
          "how many busy loops run on the CPUs that make the calls; 0 to 64");
ABSL_FLAG(int, worker_loops, 0, "how many run on the worker's CPU; 0 to 64");

namespace pinion::bench {
namespace {

constexpr char kUsage[] =
    "usage: overload [FLAG]...\n\n"
    "Offers Pinion twice the calls that one of its workers can run. A call "
    "spins for\n"
    "500 us and has a deadline of 50 ms. Calls are begun by the clock, and "
    "timed from\n"
    "when they were due. What makes them runs on CPUs that no worker has; the "
    "server's\n"
    "I/O threads are there, too. Busy loops there are a slow machine's. Each "
    "round:\n"
    "  1. calls that do nothing, far apart: idle_round_trip_p99_ms;\n"
    "  2. as many calls as the worker can run, without deadlines, for 2 s: "
    "peak_rps;\n"
    "  3. twice as many, for --seconds:\n"
    "       goodput_ratio   those answered within their deadline, by the peak\n"
    "       server_ratio    those answered within the deadline that the server "
    "knows\n"
    "       expired_run     those begun by a handler although that deadline "
    "had "
    "passed,\n"
    "                       2 ms before or more: gRPC tells it no closer; in "
    "all rounds\n"
    "                       together\n"
    "       late_run        the same by the client's deadline\n"
    "       lag_p99_ms, lag_max_ms\n"
    "                       by how much the server's deadline of a call is "
    "later, since\n"
    "                       it counts the timeout from when it reads the call\n"
    "       refusal_p99_ms  how long it took until a call was refused; null if "
    "none was\n"
    "  4. calls that do nothing, until one is answered within three times the "
    "idle\n"
    "     round trip: recovery_ms, since the load has ended.\n"
    "A round takes about 15 s, and as long as the recovery.";

constexpr int kWorker = 0;
constexpr EchoAsk kProbe = {.worker = kWorker};
constexpr EchoAsk kSpinning = {.worker = kWorker, .spin_us = 500};
constexpr absl::Duration kTimeout = absl::Milliseconds(50);
constexpr double kOverload = 2;

constexpr double kIdleRps = 400;
constexpr absl::Duration kIdleLength = absl::Seconds(2);

constexpr double kProbeRps = 500;
constexpr absl::Duration kProbeLength = absl::Milliseconds(20);
constexpr double kRecoveredWithin = 3;  // Times the idle round trip.
constexpr absl::Duration kLongestRecovery = absl::Seconds(30);

const BenchServers& Servers() {
  static const auto* const servers =
      new BenchServers{{"pinion", StartWatchfulPinion}};
  return *servers;
}

// Those of one end.
std::vector<int64_t> Latencies(const std::vector<Outcome>& outcomes, End end) {
  std::vector<int64_t> latencies;
  for (const Outcome& outcome : outcomes) {
    if (outcome.end == end) latencies.push_back(outcome.latency_ns());
  }
  return latencies;
}

absl::StatusOr<double> IdleRoundTripNanos(OverloadClients& clients) {
  const auto outcomes = clients.Run(
      {.ask = kProbe, .per_second = kIdleRps, .length = kIdleLength});
  if (!outcomes.ok()) return outcomes.status();
  std::vector<int64_t> latencies = Latencies(*outcomes, End::kAnswered);
  return Percentile(0.99, latencies);
}

// How many answers came in a second, within the deadline.
double Goodput(const std::vector<Outcome>& outcomes, absl::Duration length) {
  int64_t good = 0;
  for (const int64_t latency : Latencies(outcomes, End::kAnswered)) {
    if (latency <= absl::ToInt64Nanoseconds(kTimeout)) ++good;
  }
  return static_cast<double>(good) / absl::ToDoubleSeconds(length);
}

int64_t LastDueNanos(const std::vector<Outcome>& outcomes) {
  int64_t last = 0;
  for (const Outcome& outcome : outcomes) {
    last = std::max(last, outcome.due_ns);
  }
  return last;
}

// When a call was first answered within `limit_nanos`.
absl::StatusOr<int64_t> RecoveredAtNanos(double limit_nanos,
                                         OverloadClients& clients) {
  const int64_t end =
      MonotonicNanos() + absl::ToInt64Nanoseconds(kLongestRecovery);
  while (MonotonicNanos() < end) {
    const auto probes = clients.Run({.ask = kProbe,
                                     .per_second = kProbeRps,
                                     .length = kProbeLength,
                                     .timeout = kLongestRecovery,
                                     .may_fail = true});
    if (!probes.ok()) return probes.status();
    for (const Outcome& probe : *probes) {
      const bool fast = static_cast<double>(probe.latency_ns()) <= limit_nanos;
      if (probe.end == End::kAnswered && fast) return probe.ended_ns;
    }
  }
  return absl::DeadlineExceededError(
      absl::StrCat("no call was answered as fast as before the overload for ",
                   absl::FormatDuration(kLongestRecovery), " after it"));
}

// One round's figures, in the order of the report's.
absl::StatusOr<std::vector<double>> MeasureRound(absl::Duration length,
                                                 OverloadClients& clients) {
  const auto idle_ns = IdleRoundTripNanos(clients);
  if (!idle_ns.ok()) return idle_ns.status();
  const auto peak_rps = clients.PeakRps(kSpinning);
  if (!peak_rps.ok()) return peak_rps.status();

  const auto before = clients.AskBegun();
  if (!before.ok()) return before.status();
  const auto outcomes = clients.Run({.ask = kSpinning,
                                     .per_second = kOverload * *peak_rps,
                                     .length = length,
                                     .timeout = kTimeout,
                                     .may_fail = true});
  if (!outcomes.ok()) return outcomes.status();
  const auto begun = clients.AskBegun();
  if (!begun.ok()) return begun.status();
  const auto recovered_ns =
      RecoveredAtNanos(kRecoveredWithin * *idle_ns, clients);
  if (!recovered_ns.ok()) return recovered_ns.status();

  const auto answered =
      static_cast<double>(Latencies(*outcomes, End::kAnswered).size());
  std::vector<int64_t> refusals = Latencies(*outcomes, End::kRefused);
  return std::vector<double>{
      *peak_rps,
      kOverload * *peak_rps,
      Goodput(*outcomes, length) / *peak_rps,
      answered / absl::ToDoubleSeconds(length) / *peak_rps,
      static_cast<double>(begun->late_by_server),
      static_cast<double>(begun->late_by_client),
      static_cast<double>(begun->lag_p99_us) / 1e3,
      static_cast<double>(begun->lag_max_us) / 1e3,
      Percentile(0.99, refusals) / 1e6,
      *idle_ns / 1e6,
      static_cast<double>(*recovered_ns - LastDueNanos(*outcomes)) / 1e6,
  };
}

// The CPUs of the server's workers and those of its I/O, as it will choose.
absl::StatusOr<CpuPlan> ServersPlan() {
  const auto machine = ProbeMachine();
  if (!machine.ok()) return machine.status();
  return MakeCpuPlan({}, *machine);
}

// Those CPUs, in turn, until there are so many.
std::vector<int> InTurn(const std::vector<int>& cpus, int count) {
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(cpus[i % cpus.size()]);
  return all;
}

absl::Status Measure(int rounds, absl::Duration length) {
  Report report("overload", {},
                {{"peak_rps", 0},
                 {"offered_rps", 0},
                 {"goodput_ratio", 3},
                 {"server_ratio", 3},
                 {"expired_run", 0, Over::kSum},
                 {"late_run", 0, Over::kSum},
                 {"lag_p99_ms", 3},
                 {"lag_max_ms", 3},
                 {"refusal_p99_ms", 3},
                 {"idle_round_trip_p99_ms", 3},
                 {"recovery_ms", 1}});
  const bool unary = absl::GetFlag(FLAGS_unary);
  const int loops = CheckedFlag(FLAGS_loops, 0, 64);
  const int worker_loops = CheckedFlag(FLAGS_worker_loops, 0, 64);
  const auto plan = ServersPlan();
  if (!plan.ok()) return plan.status();
  auto servers = StartProcesses(NamesOf(Servers()));
  if (!servers.ok()) return servers.status();
  const ChildProcess& pinion = *servers->front();

  // From here on with threads, which inherit where this one may run.
  const auto busy = BusyLoops::Start(InTurn(plan->io_cpus, loops));
  if (!busy.ok()) return busy.status();
  const auto busy_worker =
      BusyLoops::Start(InTurn({plan->worker_cpus[kWorker]}, worker_loops));
  if (!busy_worker.ok()) return busy_worker.status();
  const absl::Status kept_off = RunThisThreadOn(plan->io_cpus);
  if (!kept_off.ok()) return kept_off;
  OverloadClients clients(pinion, unary);
  for (int round = 0; round < rounds; ++round) {
    Progress progress;
    progress.Show(absl::StrCat("round ", round + 1, " of ", rounds));
    const auto figures = MeasureRound(length, clients);
    if (!figures.ok()) return figures.status();
    report.Add(pinion.role(), {}, *figures);
  }
  report.Print(
      absl::GetFlag(FLAGS_json),
      absl::StrFormat("Twice the calls that a worker can run, with a deadline "
                      "of %s, %s; %d rounds of %s;\n%d busy loops where they "
                      "are made, %d on the worker's CPU.",
                      absl::FormatDuration(kTimeout),
                      unary ? "unary" : "in a session", rounds,
                      absl::FormatDuration(length), loops, worker_loops));
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
