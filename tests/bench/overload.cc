// SPDX-License-Identifier: Apache-2.0
//
// overload: what a worker still does for calls with a deadline when twice as
// many come as it can run.
//
// A call spins, so that the worker is the limit and not the wire. Latencies are
// counted from when a call was due: see open_loop.h.
#include <grpcpp/client_context.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "core/monotonic_nanos.h"
#include "pinion/echo/v1/echo.grpc.pb.h"
#include "tests/bench/echo/contenders.h"
#include "tests/bench/echo/echo_servers.h"
#include "tests/bench/echo/open_loop.h"
#include "tests/bench/support/bench_servers.h"
#include "tests/bench/support/percentile.h"
#include "tests/bench/support/program.h"
#include "tests/bench/support/progress.h"
#include "tests/bench/support/report.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the table");
ABSL_FLAG(int, rounds, 5, "how often it is all measured; 1 to 1000");
ABSL_FLAG(double, seconds, 10,
          "how long the overload lasts; above 0, at most 60");

namespace pinion::bench {
namespace {

constexpr char kUsage[] =
    "usage: overload [FLAG]...\n\n"
    "Offers Pinion twice the calls that one of its workers can run. A call "
    "spins for\n"
    "500 us and has a deadline of 50 ms. Calls are begun by the clock, and "
    "timed from\n"
    "when they were due. Each round:\n"
    "  1. calls that do nothing, far apart: idle_round_trip_p99_ms;\n"
    "  2. as many calls as the worker can run, without deadlines, for 2 s: "
    "peak_rps;\n"
    "  3. twice as many, for --seconds:\n"
    "       goodput_ratio   those answered within their deadline, by the peak\n"
    "       expired_run     those begun by a handler although their deadline "
    "had "
    "passed,\n"
    "                       2 ms before or more: gRPC tells it no closer; in "
    "all rounds\n"
    "                       together\n"
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

// Enough that the worker has the next call also when the client or the I/O
// thread had to wait for a CPU.
constexpr int kPeakInFlight = 64;
constexpr absl::Duration kPeakLength = absl::Seconds(2);

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

// Runs one load alone.
absl::StatusOr<std::vector<Outcome>> Run(const Load& load) {
  auto outcomes = RunOpenLoop({load});
  if (!outcomes.ok()) return outcomes.status();
  return std::move((*outcomes)[0]);
}

absl::StatusOr<double> IdleRoundTripNanos(EchoConnections& connections) {
  const auto outcomes = Run({.to = &connections,
                             .ask = kProbe,
                             .per_second = kIdleRps,
                             .length = kIdleLength});
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
                                         EchoConnections& connections) {
  const int64_t end =
      MonotonicNanos() + absl::ToInt64Nanoseconds(kLongestRecovery);
  while (MonotonicNanos() < end) {
    const auto probes = Run({.to = &connections,
                             .ask = kProbe,
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

// How many calls the server has begun after their deadline so far.
absl::StatusOr<int64_t> BegunLate(EchoConnections& connections) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       absl::ToChronoSeconds(kLongestRecovery));
  echo::v1::EchoKeyedRequest request;
  request.set_key("any");
  echo::v1::EchoKeyedResponse response;
  const grpc::Status status =
      connections.Next().EchoKeyed(&context, request, &response);
  int64_t calls;
  if (!status.ok() || !absl::SimpleAtoi(response.payload(), &calls)) {
    return absl::InternalError(absl::StrCat(
        "the server does not tell its count: ", status.error_message()));
  }
  return calls;
}

// One round's figures, in the order of the report's.
absl::StatusOr<std::vector<double>> MeasureRound(absl::Duration length,
                                                 EchoClient& client) {
  EchoConnections& connections = client.connections();
  const auto idle_ns = IdleRoundTripNanos(connections);
  if (!idle_ns.ok()) return idle_ns.status();
  const auto peak = client.Measure(kPeakInFlight, kPeakLength, kSpinning);
  if (!peak.ok()) return peak.status();

  const auto late_before = BegunLate(connections);
  if (!late_before.ok()) return late_before.status();
  const auto outcomes = Run({.to = &connections,
                             .ask = kSpinning,
                             .per_second = kOverload * peak->rps,
                             .length = length,
                             .timeout = kTimeout,
                             .may_fail = true});
  if (!outcomes.ok()) return outcomes.status();
  const auto recovered_ns =
      RecoveredAtNanos(kRecoveredWithin * *idle_ns, connections);
  if (!recovered_ns.ok()) return recovered_ns.status();
  const auto late_after = BegunLate(connections);
  if (!late_after.ok()) return late_after.status();

  std::vector<int64_t> refusals = Latencies(*outcomes, End::kRefused);
  return std::vector<double>{
      peak->rps,
      kOverload * peak->rps,
      Goodput(*outcomes, length) / peak->rps,
      static_cast<double>(*late_after - *late_before),
      Percentile(0.99, refusals) / 1e6,
      *idle_ns / 1e6,
      static_cast<double>(*recovered_ns - LastDueNanos(*outcomes)) / 1e6,
  };
}

absl::Status Measure(int rounds, absl::Duration length) {
  Report report("overload", {},
                {{"peak_rps", 0},
                 {"offered_rps", 0},
                 {"goodput_ratio", 3},
                 {"expired_run", 0, Over::kSum},
                 {"refusal_p99_ms", 3},
                 {"idle_round_trip_p99_ms", 3},
                 {"recovery_ms", 1}});
  auto contenders = StartContenders(NamesOf(Servers()));
  if (!contenders.ok()) return contenders.status();
  Contender& pinion = contenders->front();
  for (int round = 0; round < rounds; ++round) {
    Progress progress;
    progress.Show(absl::StrCat("round ", round + 1, " of ", rounds));
    const auto figures = MeasureRound(length, pinion.client);
    if (!figures.ok()) return figures.status();
    report.Add(pinion.name(), {}, *figures);
  }
  report.Print(
      absl::GetFlag(FLAGS_json),
      absl::StrFormat("Twice the calls that a worker can run, with a deadline "
                      "of %s; %d rounds of %s.",
                      absl::FormatDuration(kTimeout), rounds,
                      absl::FormatDuration(length)));
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
