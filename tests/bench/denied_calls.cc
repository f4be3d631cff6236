// SPDX-License-Identifier: Apache-2.0
//
// denied_calls: what calls that a policy denies do to others.
//
// They come 10,000 a second, to the server of an honest client or, as the
// `control`, to another server of the machine.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/client/client.h"
#include "pinion/client/echo_methods.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/server/echo/echo_shard.h"
#include "pinion/tests/bench/echo/echo_payload.h"
#include "pinion/tests/bench/support/bench_servers.h"
#include "pinion/tests/bench/support/call_figures.h"
#include "pinion/tests/bench/support/call_loop.h"
#include "pinion/tests/bench/support/child_process.h"
#include "pinion/tests/bench/support/many_rules.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"
#include "pinion/tests/bench/support/serve_on_loopback.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the tables");
ABSL_FLAG(int, rounds, 5, "how often each is measured; 1 to 1000");
ABSL_FLAG(double, seconds, 0.8,
          "how long one measurement takes; above 0, at most 60");
ABSL_FLAG(int, denied_per_second, 10'000,
          "how many denied calls come in a second; 1 to 100000");

namespace pinion::bench {
namespace {

constexpr absl::string_view kUsage =
    "usage: denied_calls [FLAG]...\n\n"
    "Measures echoes of an honest client within a session, `with` a flood of "
    "denied\nplain calls at the same server, and as the `control` with that "
    "flood at another\nserver. The bar is a p99 of 1.5 times the control's. "
    "The policy has 100 rules.";

constexpr int kRules = 100;
constexpr int kHonestInFlight = 16;

// It denies what the flood calls, and allows what the honest client does.
std::string Start() {
  const ManyRules policy(kRules, echo::kEchoKeyed.name());
  return ServeOnLoopback(
      {.workers = 1, .policy = {.policy_file = policy.file()}},
      [](Server& server) { echo::HostEcho(server); });
}

const BenchServers& Servers() {
  static const auto* const servers =
      new BenchServers{{"target", Start}, {"other", Start}};
  return *servers;
}

// Makes plain calls that are denied, at an even rate, until it is destroyed.
// Threads: its own makes them; gRPC's bring the answers.
class DeniedFlood {
 public:
  DeniedFlood(const std::string& address, int per_second)
      : per_millisecond_(per_second / 1000.0),
        client_(Client::Connect(address,
                                {.unary = true, .retry = {.max_attempts = 1}})),
        thread_([this] { Run(); }) {}
  ~DeniedFlood() {
    ends_ = true;
    thread_.join();
    client_.reset();  // Waits for the last answers.
  }

  int64_t denied() const { return denied_; }
  int64_t others() const { return others_; }

 private:
  void Run() {
    double due = 0;
    while (!ends_) {
      for (due += per_millisecond_; due >= 1; --due) Call();
      absl::SleepFor(absl::Milliseconds(1));
    }
  }

  void Call() {
    echo::v1::EchoRequest request;
    client_->Start(echo::kEcho, request, {.timeout = absl::Seconds(30)},
                   [this](absl::StatusOr<echo::v1::EchoResponse> response) {
                     const bool denied =
                         absl::IsPermissionDenied(response.status());
                     ++(denied ? denied_ : others_);
                   });
  }

  const double per_millisecond_;
  std::atomic<bool> ends_{false};
  std::atomic<int64_t> denied_{0};
  std::atomic<int64_t> others_{0};  // Answered otherwise.
  std::unique_ptr<Client> client_;
  std::thread thread_;  // Last: it uses the others.
};

// Echoes of a key, within a session; errors are counted, not told.
class HonestWay final : public CallWay {
 public:
  explicit HonestWay(const std::string& address)
      : client_(Client::Connect(address, {.retry = {.max_attempts = 1}})) {}

  void Begin(CallSlot& slot) override {
    echo::v1::EchoKeyedRequest request;
    request.set_key("other");
    request.set_payload(payloads_.Of(slot));
    client_->Start(
        echo::kEchoKeyed, request, {.timeout = absl::Seconds(30)},
        [this, &slot](absl::StatusOr<echo::v1::EchoKeyedResponse> response) {
          if (!response.ok()) ++errors_;
          slot.Answered(absl::OkStatus());
        });
  }

  int64_t TakeErrors() { return errors_.exchange(0); }

 private:
  const EchoPayloads payloads_{64};
  std::atomic<int64_t> errors_{0};
  const std::unique_ptr<Client> client_;
};

absl::Status MeasureDenied(const ChildProcess& target,
                           const ChildProcess& other, int rounds,
                           int per_second, absl::Duration length, bool json) {
  Report report("denied_calls", {"denied_per_second"},
                {{"p99_us", 1},
                 {"p50_us", 1},
                 {"rps", 0},
                 {"errors", 0, Over::kSum},
                 {"denied", 0},
                 {"not_denied", 0, Over::kSum}},
                "flood");
  report.Compare("with", "control", "p99_us");
  HonestWay way(target.address());
  Progress progress;
  for (int round = 1; round <= rounds; ++round) {
    for (const bool with : {false, true}) {
      progress.Show(
          absl::StrCat("round ", round, " of ", rounds, ": denied calls"));
      DeniedFlood flood(with ? target.address() : other.address(), per_second);
      const auto figures =
          CallLoop(way, target, kHonestInFlight).Measure(length);
      if (!figures.ok()) return figures.status();
      report.Add(with ? "with" : "control", {per_second},
                 {figures->p99_us, figures->p50_us, figures->rps,
                  static_cast<double>(way.TakeErrors()),
                  static_cast<double>(flood.denied()),
                  static_cast<double>(flood.others())});
    }
  }
  report.Print(
      json,
      absl::StrFormat("Echo of 64 bytes in a session, %d in flight, beside "
                      "denied plain calls; medians of %d rounds of %s.",
                      kHonestInFlight, rounds, absl::FormatDuration(length)));
  return absl::OkStatus();
}

absl::Status Measure() {
  const int rounds = CheckedFlag(FLAGS_rounds, 1, 1000);
  const absl::Duration length = CheckedSeconds(FLAGS_seconds, 60);
  const int per_second = CheckedFlag(FLAGS_denied_per_second, 1, 100'000);
  const bool json = absl::GetFlag(FLAGS_json);
  auto servers = StartProcesses({"target", "other"});
  if (!servers.ok()) return servers.status();
  return MeasureDenied(*(*servers)[0], *(*servers)[1], rounds, per_second,
                       length, json);
}

int Main(int argc, char** argv) {
  ServeIfChild(argc, argv, Servers());
  ParseFlags(argc, argv, kUsage);
  return ExitCode(Measure());
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
