// SPDX-License-Identifier: Apache-2.0
//
// session: what a call within a session costs, beside unary calls and beside a
// batched stream that was written by hand for this one method.
//
// Each server is a process of its own; one client calls them in turn, several
// rounds of all, each round in another order.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "pinion/tests/bench/echo/async_echo.h"
#include "pinion/tests/bench/echo/batched_echo.h"
#include "pinion/tests/bench/echo/echo_client.h"
#include "pinion/tests/bench/echo/echo_servers.h"
#include "pinion/tests/bench/echo/increment.h"
#include "pinion/tests/bench/echo/session_echo.h"
#include "pinion/tests/bench/support/bench_servers.h"
#include "pinion/tests/bench/support/call_figures.h"
#include "pinion/tests/bench/support/call_loop.h"
#include "pinion/tests/bench/support/child_process.h"
#include "pinion/tests/bench/support/measure_rounds.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/report.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the tables");
ABSL_FLAG(int, rounds, 7, "how often each is measured; 1 to 1000");
ABSL_FLAG(double, seconds, 0.8,
          "how long one measurement takes; above 0, at most 60");
ABSL_FLAG(std::vector<std::string>, impls, {},
          "what to measure, by name, separated by commas; empty: all");
ABSL_FLAG(
    int, payload, 64,
    "how many bytes a call of Echo brings, and its answer; 16 to 1048576");
ABSL_FLAG(std::vector<std::string>, in_flight,
          std::vector<std::string>({"1", "64", "512", "4096"}),
          "how many calls to keep in flight, 1 to 10000, separated by commas");

namespace pinion::bench {
namespace {

constexpr absl::string_view kUsage =
    "usage: session [FLAG]...\n\n"
    "Measures an echo over TCP loopback at several numbers of calls in "
    "flight:\n`session` through the client's sessions, `pinion` as unary calls "
    "to the same\nserver, `callback_inline` as unary calls to a plain gRPC "
    "server, and\n`handwritten_stream` as a batched stream without routing, "
    "deadlines, admission\nor account. Without --impls or with an increment "
    "among them, also a counter's\nincrement.";

constexpr absl::Duration kWarmUp = absl::Milliseconds(300);
constexpr int kWarmUpInFlight = 64;

const BenchServers& Servers() {
  static const auto* const servers = new BenchServers{
      {"session", StartPinion},
      {"handwritten_stream", StartBatchedEcho},
      {"pinion", StartPinion},
      {"callback_inline", StartCallbackInline},
  };
  return *servers;
}

// The same names with another service.
const BenchServers& IncrementServers() {
  static const auto* const servers = new BenchServers{
      {"increment:session", StartPinionKv},
      {"increment:pinion", StartPinionKv},
      {"increment:callback_inline", StartLockedKv},
  };
  return *servers;
}

BenchServers AllServers() {
  BenchServers all = Servers();
  all.insert(all.end(), IncrementServers().begin(), IncrementServers().end());
  return all;
}

// A server, and a client of its kind.
class Contender {
 public:
  Contender(std::unique_ptr<ChildProcess> server, const EchoAsk& ask)
      : server_(std::move(server)), name_(server_->role()), ask_(ask) {
    const std::string& address = server_->address();
    if (absl::ConsumePrefix(&name_, kIncrement)) {
      way_ = std::make_unique<IncrementWay>(
          Client::Connect(address, {.unary = name_ != "session"}));
    } else if (name_ == "session") {
      way_ = std::make_unique<SessionEchoWay>(address, ask);
    } else if (name_ == "handwritten_stream") {
      way_ = std::make_unique<BatchedEchoWay>(address, ask.payload_bytes);
    } else {
      unary_ = std::make_unique<EchoClient>(*server_);
    }
  }

  absl::string_view name() const { return name_; }

  absl::StatusOr<CallFigures> Measure(int in_flight, absl::Duration length) {
    if (unary_ != nullptr) return unary_->Measure(in_flight, length, ask_);
    return CallLoop(*way_, *server_, in_flight).Measure(length);
  }

 private:
  static constexpr absl::string_view kIncrement = "increment:";

  std::unique_ptr<ChildProcess> server_;
  absl::string_view name_;
  const EchoAsk ask_;
  std::unique_ptr<EchoClient> unary_;  // Or else:
  std::unique_ptr<CallWay> way_;
};

// Of these servers, the names of those that are wanted.
std::vector<std::string> WantedOf(const BenchServers& servers) {
  const std::vector<std::string> all =
      CheckedNames(FLAGS_impls, NamesOf(AllServers()));
  std::vector<std::string> wanted;
  for (const std::string& name : NamesOf(servers)) {
    if (std::find(all.begin(), all.end(), name) != all.end()) {
      wanted.push_back(name);
    }
  }
  return wanted;
}

using Processes = std::vector<std::unique_ptr<ChildProcess>>;

struct Plan {
  std::vector<int> in_flight;
  int rounds;
  absl::Duration length;
  EchoAsk ask;
};

absl::Status Measure(const Plan& plan, absl::string_view bench,
                     absl::string_view title, std::optional<int64_t> payload,
                     Processes servers) {
  if (servers.empty()) return absl::OkStatus();
  std::vector<std::string> keys = {"in_flight"};
  if (payload.has_value()) keys.push_back("payload");
  Report report(std::string(bench), std::move(keys),
                {{"rps", 0},
                 {"p50_us", 1},
                 {"p99_us", 1},
                 {"cpu_us_per_call", 3},
                 {"client_us_per_call", 3}});
  report.Compare("session", "callback_inline");
  report.Compare("session", "pinion");
  report.Compare("session", "handwritten_stream");
  report.Compare("session", "pinion", "p50_us");
  report.Compare("session", "handwritten_stream", "p50_us");
  std::vector<Contender> contenders;
  for (auto& server : servers) {
    contenders.emplace_back(std::move(server), plan.ask);
  }
  for (Contender& contender : contenders) {
    const auto warm = contender.Measure(kWarmUpInFlight, kWarmUp);
    if (!warm.ok()) return warm.status();
  }
  const absl::Status status = MeasureRounds(
      plan.rounds, plan.in_flight, contenders, CallsInFlight,
      [&](Contender& contender, int in_flight) {
        const auto figures = contender.Measure(in_flight, plan.length);
        if (!figures.ok()) return figures.status();
        Group group = {in_flight};
        if (payload.has_value()) group.push_back(*payload);
        report.Add(contender.name(), group,
                   {figures->rps, figures->p50_us, figures->p99_us,
                    figures->cpu_us_per_call, figures->client_us_per_call});
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  report.Print(
      absl::GetFlag(FLAGS_json),
      absl::StrFormat("%s over TCP loopback; medians of %d rounds of "
                      "%s.",
                      title, plan.rounds, absl::FormatDuration(plan.length)));
  return absl::OkStatus();
}

absl::Status MeasureAll(const Plan& plan) {
  // First all servers: a process that has threads should not fork.
  auto echo = StartProcesses(WantedOf(Servers()));
  if (!echo.ok()) return echo.status();
  auto increment = StartProcesses(WantedOf(IncrementServers()));
  if (!increment.ok()) return increment.status();
  const absl::Status status =
      Measure(plan, "session",
              absl::StrCat("Echo of ", plan.ask.payload_bytes, " bytes"),
              plan.ask.payload_bytes, *std::move(echo));
  if (!status.ok()) return status;
  return Measure(plan, "session_increment",
                 "KvService/Increment of 10,000 keys on two workers",
                 std::nullopt, *std::move(increment));
}

int Main(int argc, char** argv) {
  ServeIfChild(argc, argv, AllServers());
  ParseFlags(argc, argv, kUsage);
  return ExitCode(
      MeasureAll({.in_flight = CheckedNumbers(FLAGS_in_flight, 1, 10'000),
                  .rounds = CheckedFlag(FLAGS_rounds, 1, 1000),
                  .length = CheckedSeconds(FLAGS_seconds, 60),
                  .ask = {.payload_bytes = static_cast<size_t>(
                              CheckedFlag(FLAGS_payload, 16, 1 << 20))}}));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
