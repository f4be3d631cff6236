// SPDX-License-Identifier: Apache-2.0
//
// unary: what a plain unary call costs when a pinned worker runs it, beside
// gRPC's own ways to serve the same echo.
//
// Each server is a process of its own; one client calls them in turn, several
// rounds of all, each round in another order.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "tests/bench/echo/echo_client.h"
#include "tests/bench/echo/echo_servers.h"
#include "tests/bench/support/child_process.h"
#include "tests/bench/support/order_of_round.h"
#include "tests/bench/support/program.h"
#include "tests/bench/support/progress.h"
#include "tests/bench/support/report.h"
#include "tools/command_line.h"

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

constexpr absl::Duration kWarmUp = absl::Milliseconds(300);
constexpr int kWarmUpInFlight = 64;

struct Plan {
  std::vector<std::string> impls;
  std::vector<int> in_flight;
  int rounds;
  absl::Duration length;
};

std::vector<std::string> AllImpls() {
  std::vector<std::string> names;
  for (const EchoServer& server : EchoServers()) names.push_back(server.name);
  return names;
}

std::vector<std::string> WantedImpls() {
  std::vector<std::string> wanted = absl::GetFlag(FLAGS_impls);
  if (wanted.empty()) return AllImpls();
  for (const std::string& name : wanted) {
    if (FindEchoServer(name) != nullptr) continue;
    ExitWithUsageError(absl::StrCat("--impls cannot have \"", name,
                                    "\"; there are ",
                                    absl::StrJoin(AllImpls(), ", ")));
  }
  return wanted;
}

std::vector<int> WantedInFlight() {
  std::vector<int> wanted;
  for (const std::string& text : absl::GetFlag(FLAGS_in_flight)) {
    int calls;
    if (!absl::SimpleAtoi(text, &calls) || calls < 1 || calls > 10'000) {
      ExitWithUsageError(absl::StrCat("--in_flight cannot have \"", text,
                                      "\"; valid are 1 to 10000"));
    }
    wanted.push_back(calls);
  }
  if (wanted.empty()) ExitWithUsageError("--in_flight needs a number");
  return wanted;
}

Plan PlanFromFlags() {
  return {.impls = WantedImpls(),
          .in_flight = WantedInFlight(),
          .rounds = CheckedFlag(FLAGS_rounds, 1, 1000),
          .length = CheckedSeconds(FLAGS_seconds, 60)};
}

// A server, and what calls it.
struct Contender {
  explicit Contender(std::unique_ptr<ChildProcess> child)
      : server(std::move(child)), client(*server) {}

  std::unique_ptr<ChildProcess> server;
  EchoClient client;
};

absl::StatusOr<std::vector<Contender>> StartContenders(
    const std::vector<std::string>& impls) {
  // First all servers: a process that has threads should not fork.
  std::vector<std::unique_ptr<ChildProcess>> servers;
  for (const std::string& impl : impls) {
    auto server = ChildProcess::Start(impl);
    if (!server.ok()) return server.status();
    servers.push_back(*std::move(server));
  }
  std::vector<Contender> contenders;
  for (auto& server : servers) contenders.emplace_back(std::move(server));
  for (Contender& contender : contenders) {
    const auto warm = contender.client.Measure(kWarmUpInFlight, kWarmUp);
    if (!warm.ok()) return warm.status();
  }
  return contenders;
}

// Adds one figure of each contender at each number in flight.
absl::Status MeasureRound(const Plan& plan, int round,
                          std::vector<Contender>& contenders, Report& report) {
  Progress progress;
  for (const int in_flight : plan.in_flight) {
    for (Contender* contender : InOrderOfRound(contenders, round)) {
      const std::string& impl = contender->server->role();
      progress.Show(absl::StrCat("round ", round + 1, " of ", plan.rounds, ": ",
                                 impl, ", ", in_flight, " in flight"));
      const auto figures = contender->client.Measure(in_flight, plan.length);
      if (!figures.ok()) return figures.status();
      report.Add(impl, {in_flight},
                 {figures->rps, figures->p50_us, figures->p99_us,
                  figures->cpu_us_per_call});
    }
  }
  return absl::OkStatus();
}

absl::Status Measure(const Plan& plan) {
  Report report(
      "unary", {"in_flight"},
      {{"rps", 0}, {"p50_us", 1}, {"p99_us", 1}, {"cpu_us_per_call", 2}});
  for (const EchoServer& server : EchoServers()) {
    if (server.name != "pinion") report.Compare("pinion", server.name);
  }
  absl::StatusOr<std::vector<Contender>> contenders =
      StartContenders(plan.impls);
  if (!contenders.ok()) return contenders.status();
  for (int round = 0; round < plan.rounds; ++round) {
    const absl::Status status = MeasureRound(plan, round, *contenders, report);
    if (!status.ok()) return status;
  }
  report.Print(absl::GetFlag(FLAGS_json),
               absl::StrFormat("Echo of 64 bytes over TCP loopback, unary; "
                               "medians of %d rounds of %s.",
                               plan.rounds, absl::FormatDuration(plan.length)));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  if (const std::optional<std::string> role = ChildRole(argc, argv)) {
    const EchoServer* server = FindEchoServer(*role);
    if (server == nullptr) return kUsageError;
    ServeAt(server->start());
  }
  ParseFlags(argc, argv, kUsage);
  return ExitCode(Measure(PlanFromFlags()));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
