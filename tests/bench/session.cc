// SPDX-License-Identifier: Apache-2.0
//
// session: what a call within a session costs, beside unary calls and beside a
// batched stream that was written by hand for this one method.
//
// Each server is a process of its own; one client calls them in turn, several
// rounds of all, each round in another order.
#include <algorithm>
#include <memory>
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
#include "tests/bench/echo/batched_echo.h"
#include "tests/bench/echo/echo_client.h"
#include "tests/bench/echo/echo_loop.h"
#include "tests/bench/echo/echo_servers.h"
#include "tests/bench/echo/session_echo.h"
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
          std::vector<std::string>({"1", "64", "512", "4096"}),
          "how many calls to keep in flight, 1 to 10000, separated by commas");

namespace pinion::bench {
namespace {

constexpr absl::string_view kUsage =
    "usage: session [FLAG]...\n\n"
    "Measures an echo of 64 bytes over TCP loopback at several numbers of "
    "calls in\nflight: `session` through the client's sessions, `pinion` as "
    "unary calls to the\nsame server, `callback_inline` as unary calls to a "
    "plain gRPC server, and\n`handwritten_stream` as a batched stream without "
    "routing, deadlines, admission\nor account.";

constexpr absl::Duration kWarmUp = absl::Milliseconds(300);
constexpr int kWarmUpInFlight = 64;

const EchoServers& Servers() {
  static const auto* const servers = new EchoServers{
      {"session", StartPinion},
      {"handwritten_stream", StartBatchedEcho},
      {"pinion", StartPinion},
      {"callback_inline", StartCallbackInline},
  };
  return *servers;
}

// A server, and a client of its kind.
class Contender {
 public:
  explicit Contender(std::unique_ptr<ChildProcess> server)
      : server_(std::move(server)) {
    if (name() == "session") {
      way_ = std::make_unique<SessionEchoWay>(server_->address());
    } else if (name() == "handwritten_stream") {
      way_ = std::make_unique<BatchedEchoWay>(server_->address());
    } else {
      unary_ = std::make_unique<EchoClient>(*server_);
    }
  }

  const std::string& name() const { return server_->role(); }

  absl::StatusOr<EchoFigures> Measure(int in_flight, absl::Duration length) {
    if (unary_ != nullptr) return unary_->Measure(in_flight, length);
    return EchoLoop(*way_, *server_, in_flight).Measure(length);
  }

 private:
  std::unique_ptr<ChildProcess> server_;
  std::unique_ptr<EchoClient> unary_;  // Or else:
  std::unique_ptr<EchoWay> way_;
};

std::vector<std::string> WantedImpls() {
  const std::vector<std::string> all = NamesOf(Servers());
  std::vector<std::string> wanted = absl::GetFlag(FLAGS_impls);
  if (wanted.empty()) return all;
  for (const std::string& name : wanted) {
    if (std::find(all.begin(), all.end(), name) != all.end()) continue;
    ExitWithUsageError(absl::StrCat("--impls cannot have \"", name,
                                    "\"; there are ",
                                    absl::StrJoin(all, ", ")));
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

absl::StatusOr<std::vector<Contender>> StartContenders(
    const std::vector<std::string>& roles) {
  // First all servers: a process that has threads should not fork.
  std::vector<std::unique_ptr<ChildProcess>> servers;
  for (const std::string& role : roles) {
    auto server = ChildProcess::Start(role);
    if (!server.ok()) return server.status();
    servers.push_back(*std::move(server));
  }
  std::vector<Contender> contenders;
  for (auto& server : servers) contenders.emplace_back(std::move(server));
  for (Contender& contender : contenders) {
    const auto warm = contender.Measure(kWarmUpInFlight, kWarmUp);
    if (!warm.ok()) return warm.status();
  }
  return contenders;
}

absl::Status Measure(int rounds, absl::Duration length) {
  Report report("session", {"in_flight"},
                {{"rps", 0},
                 {"p50_us", 1},
                 {"p99_us", 1},
                 {"cpu_us_per_call", 3},
                 {"client_us_per_call", 3}});
  report.Compare("session", "callback_inline");
  report.Compare("session", "pinion");
  report.Compare("session", "handwritten_stream");
  report.Compare("session", "pinion", "p50_us");
  report.Compare("session", "callback_inline", "p50_us");
  const std::vector<int> loads = WantedInFlight();
  auto contenders = StartContenders(WantedImpls());
  if (!contenders.ok()) return contenders.status();
  Progress progress;
  for (int round = 0; round < rounds; ++round) {
    for (const int in_flight : loads) {
      for (Contender* contender : InOrderOfRound(*contenders, round)) {
        progress.Show(absl::StrCat("round ", round + 1, " of ", rounds, ": ",
                                   contender->name(), ", ", in_flight,
                                   " in flight"));
        const auto figures = contender->Measure(in_flight, length);
        if (!figures.ok()) return figures.status();
        report.Add(contender->name(), {in_flight},
                   {figures->rps, figures->p50_us, figures->p99_us,
                    figures->cpu_us_per_call, figures->client_us_per_call});
      }
    }
  }
  report.Print(absl::GetFlag(FLAGS_json),
               absl::StrFormat("Echo of 64 bytes over TCP loopback; medians of "
                               "%d rounds of %s.",
                               rounds, absl::FormatDuration(length)));
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
