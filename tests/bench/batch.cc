// SPDX-License-Identifier: Apache-2.0
//
// batch: what it brings that a fixed cost of a handler is paid once for many
// calls.
//
// Each server is a process of its own; one client calls them in turn, within a
// session, several rounds of all, each round in another order.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "pinion/tests/bench/echo/batch_servers.h"
#include "pinion/tests/bench/echo/session_echo.h"
#include "pinion/tests/bench/support/bench_servers.h"
#include "pinion/tests/bench/support/call_loop.h"
#include "pinion/tests/bench/support/child_process.h"
#include "pinion/tests/bench/support/measure_rounds.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/report.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the tables");
ABSL_FLAG(int, rounds, 7, "how often each is measured; 1 to 1000");
ABSL_FLAG(double, seconds, 0.7,
          "how long one measurement takes; above 0, at most 60");
ABSL_FLAG(std::vector<std::string>, in_flight,
          std::vector<std::string>({"1", "64", "4096"}),
          "how many calls to keep in flight, 1 to 10000, separated by commas");

namespace pinion::bench {
namespace {

constexpr absl::string_view kUsage =
    "usage: batch [FLAG]...\n\n"
    "Measures echoes within a session over TCP loopback, by handlers with a "
    "fixed cost\nof 50 us:\n"
    "  method     for each call\n"
    "  batch      for each batch that the handler is given\n"
    "  end_batch  at the end of each batch, for which the answers wait";

constexpr absl::Duration kWarmUp = absl::Milliseconds(300);
constexpr int kWarmUpInFlight = 64;

const BenchServers& Servers() {
  static const auto* const servers = new BenchServers{
      {"method", StartMethodEcho},
      {"batch", StartBatchEcho},
      {"end_batch", StartEndBatchEcho},
  };
  return *servers;
}

struct Plan {
  std::vector<int> in_flight;
  int rounds;
  absl::Duration length;
};

// A server, and its client.
class Contender {
 public:
  explicit Contender(std::unique_ptr<ChildProcess> server)
      : server_(std::move(server)),
        way_(std::make_unique<SessionEchoWay>(server_->address())) {}

  const std::string& name() const { return server_->role(); }
  absl::StatusOr<CallFigures> Measure(int in_flight, absl::Duration length) {
    return CallLoop(*way_, *server_, in_flight).Measure(length);
  }

 private:
  std::unique_ptr<ChildProcess> server_;
  std::unique_ptr<SessionEchoWay> way_;
};

absl::Status Measure(const Plan& plan) {
  auto servers = StartProcesses(NamesOf(Servers()));
  if (!servers.ok()) return servers.status();
  Report report("batch", {"in_flight"},
                {{"rps", 0}, {"p50_us", 1}, {"p99_us", 1}});
  report.Compare("batch", "method");
  report.Compare("end_batch", "method");
  std::vector<Contender> contenders;
  for (auto& server : *servers) contenders.emplace_back(std::move(server));
  for (Contender& contender : contenders) {
    const auto warm = contender.Measure(kWarmUpInFlight, kWarmUp);
    if (!warm.ok()) return warm.status();
  }
  const absl::Status status = MeasureRounds(
      plan.rounds, plan.in_flight, contenders, CallsInFlight,
      [&](Contender& contender, int in_flight) {
        const auto figures = contender.Measure(in_flight, plan.length);
        if (!figures.ok()) return figures.status();
        report.Add(contender.name(), {in_flight},
                   {figures->rps, figures->p50_us, figures->p99_us});
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  report.Print(absl::GetFlag(FLAGS_json),
               absl::StrFormat(
                   "Echoes whose handlers have a fixed cost of 50 us, on one "
                   "worker; medians of %d rounds of %s.",
                   plan.rounds, absl::FormatDuration(plan.length)));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ServeIfChild(argc, argv, Servers());
  ParseFlags(argc, argv, kUsage);
  return ExitCode(
      Measure({.in_flight = CheckedNumbers(FLAGS_in_flight, 1, 10'000),
               .rounds = CheckedFlag(FLAGS_rounds, 1, 1000),
               .length = CheckedSeconds(FLAGS_seconds, 60)}));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
