// SPDX-License-Identifier: Apache-2.0
//
// hostile: what one careless or hostile client does to others.
//
// Another client's calls are measured while the attacker is busy: `with` it on
// the same server, and, as the `control`, with it on a second server, so that
// the CPU that it takes cancels out. The bar of each attack: the others have no
// error; their p99 is within 1.5 times beside one that does not read and 3
// beside a flood; and the server grows by at most its server_bytes and 64 MiB.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/client/client.h"
#include "pinion/client/echo_methods.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/server/echo/echo_shard.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/tests/bench/echo/echo_payload.h"
#include "pinion/tests/bench/hostile_attacks.h"
#include "pinion/tests/bench/hostile_outcome.h"
#include "pinion/tests/bench/support/bench_servers.h"
#include "pinion/tests/bench/support/call_figures.h"
#include "pinion/tests/bench/support/call_loop.h"
#include "pinion/tests/bench/support/child_process.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"
#include "pinion/tests/bench/support/serve_on_loopback.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the table");
ABSL_FLAG(int, rounds, 5, "how often each is measured; 1 to 100");
ABSL_FLAG(double, seconds, 0.8,
          "how long one measurement takes; above 0, at most 20");
ABSL_FLAG(int, in_flight, 16, "calls the other client keeps open; 1 to 1000");
ABSL_FLAG(std::string, attacks, "",
          "which attacks, with commas between them; empty: all");
ABSL_FLAG(bool, sessions_apart, false,
          "servers with an I/O thread for sessions alone "
          "(HostingOptions::session_io_threads)");
ABSL_FLAG(int, warm_up, 1,
          "rounds before the first, which do not count; 0 to 10");
ABSL_FLAG(bool, check, false,
          "fail if another client got an error, or if the server took more "
          "memory than it may or did not refuse what it has no room for; times "
          "are not judged");

namespace pinion::bench {
namespace {

constexpr char kUsage[] =
    "usage: hostile [FLAG]...\n\n"
    "Measures echoes of 64 bytes of one client within a session, `with` an\n"
    "attacker on the same server, and as the `control` with that attacker on\n"
    "another server; how many failed; and how much memory the server has more\n"
    "than before. Each attack has a bar, and the last lines say whether it is\n"
    "met: no call fails; the p99 is at most 1.5 times the control's beside "
    "one\n"
    "that reads nothing, and 3 times beside a flood; the memory is at most "
    "the\n"
    "server_bytes, 64 MiB, and 64 MiB more. Beside long calls no time is\n"
    "judged, since a lane is first in, first out.";

constexpr int64_t kServerBytes = int64_t{64} << 20;
// Beside server_bytes: of gRPC, of the allocator, and what is not counted.
constexpr int64_t kBeyondBytes = int64_t{64} << 20;

// How long an attack fills what there is to fill, before it is measured.
constexpr absl::Duration kFills = absl::Milliseconds(300);

// One worker, so that whatever the attacker calls runs where the others' calls
// do.
std::string Start(int session_io_threads) {
  return ServeOnLoopback({.workers = 1,
                          .session_io_threads = session_io_threads,
                          .server_bytes = kServerBytes},
                         [](Server& server) {
                           echo::HostEcho(server);
                           kv::HostKv(server);
                         });
}
std::string StartTarget() { return Start(/*session_io_threads=*/0); }
std::string StartApart() { return Start(/*session_io_threads=*/1); }

const BenchServers& Servers() {
  static const auto* const servers =
      new BenchServers{{"target", StartTarget},
                       {"other", StartTarget},
                       {"target_apart", StartApart},
                       {"other_apart", StartApart}};
  return *servers;
}
// Those of them that --sessions_apart asks for.
std::vector<std::string> ChosenServers() {
  if (absl::GetFlag(FLAGS_sessions_apart)) {
    return {"target_apart", "other_apart"};
  }
  return {"target", "other"};
}

// Echoes of a key of its own, by a client that does no harm; errors are
// counted, not told.
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

absl::StatusOr<std::vector<Attack>> ChosenAttacks() {
  const std::string names = absl::GetFlag(FLAGS_attacks);
  if (names.empty()) return AllAttacks();
  std::vector<Attack> chosen;
  for (const absl::string_view name : absl::StrSplit(names, ',')) {
    const auto found =
        std::find_if(AllAttacks().begin(), AllAttacks().end(),
                     [&](const Attack& attack) { return attack.name == name; });
    if (found == AllAttacks().end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--attacks names ", name, "; valid are ",
          absl::StrJoin(AllAttacks(), ", ",
                        [](std::string* out, const Attack& attack) {
                          *out += attack.name;
                        })));
    }
    chosen.push_back(*found);
  }
  return chosen;
}

HostileBar BarOf(AttackKind kind) {
  HostileBar bar = {
      .p99_ratio = std::nullopt,
      .grown_mib = static_cast<double>((kServerBytes + kBeyondBytes) >> 20)};
  switch (kind) {
    case AttackKind::kSlowReader:
      bar.p99_ratio = 1.5;
      break;
    case AttackKind::kFlood:
      bar.p99_ratio = 3;
      break;
    case AttackKind::kLongCalls:
      break;
  }
  return bar;
}

class Measurement {
 public:
  Measurement(const ChildProcess& target, const ChildProcess& other,
              const std::vector<Attack>& attacks)
      : target_(target),
        other_(other),
        attacks_(attacks),
        way_(target.address()),
        rss_(target.ResidentBytes()) {
    report_.Compare("with", "control", "p99_us");
    for (const Attack& attack : attacks) {
      outcomes_.emplace_back(attack.name, BarOf(attack.kind));
    }
  }

  // One round of all attacks. `counts`: unless it is to warm up.
  absl::Status Round(absl::string_view title, bool counts, int in_flight,
                     absl::Duration length) {
    for (size_t i = 0; i < attacks_.size(); ++i) {
      progress_.Show(absl::StrCat(title, ": ", attacks_[i].name));
      const auto control = Beside(attacks_[i], other_, in_flight, length);
      if (!control.ok()) return control.status();
      const auto with = Beside(attacks_[i], target_, in_flight, length);
      if (!with.ok()) return with.status();
      if (!counts) continue;
      Add("control", attacks_[i], *control);
      Add("with", attacks_[i], *with);
      outcomes_[i].Add(
          {.p99_ratio = with->figures.p99_us / control->figures.p99_us,
           .worst_us = with->figures.worst_us,
           .errors = with->errors,
           .grown_mib = with->grown_mib,
           .refused = with->refused});
    }
    return absl::OkStatus();
  }

  const Report& report() const { return report_; }
  const std::vector<HostileOutcome>& outcomes() const { return outcomes_; }

 private:
  struct Side {
    CallFigures figures;
    int64_t errors;
    double grown_mib;
    bool refused;
  };

  // The other client's calls to the target, with the attacker at `attacked`.
  absl::StatusOr<Side> Beside(const Attack& attack,
                              const ChildProcess& attacked, int in_flight,
                              absl::Duration length) {
    const Attacker attacker = attack.begin(attacked.address());
    absl::SleepFor(kFills);
    const double grown_before = GrownMib();
    const auto figures = CallLoop(way_, target_, in_flight).Measure(length);
    if (!figures.ok()) return figures.status();
    return Side{.figures = *figures,
                .errors = way_.TakeErrors(),
                .grown_mib = std::max(grown_before, GrownMib()),
                .refused = attacker.refused};
  }

  void Add(absl::string_view attacker, const Attack& attack, const Side& side) {
    report_.Add(
        attacker, {attack.name},
        {side.figures.p99_us, side.figures.p50_us, side.figures.worst_us,
         side.figures.rps, static_cast<double>(side.errors), side.grown_mib});
  }

  double GrownMib() const {
    return static_cast<double>(target_.ResidentBytes() - rss_) / 1048576.0;
  }

  const ChildProcess& target_;
  const ChildProcess& other_;
  const std::vector<Attack>& attacks_;
  HonestWay way_;
  const int64_t rss_;  // Before any attack.
  Progress progress_;
  Report report_{"hostile",
                 {"attack"},
                 {{"p99_us", 1},
                  {"p50_us", 1},
                  {"worst_us", 0, Over::kGreatest},
                  {"rps", 0},
                  {"errors", 0, Over::kSum},
                  {"grown_mib", 1, Over::kGreatest}},
                 "attacker"};
  std::vector<HostileOutcome> outcomes_;  // Of each attack.
};

void PrintOutcomes(const std::vector<HostileOutcome>& outcomes, bool json) {
  if (!json) absl::PrintF("\n");
  for (const HostileOutcome& outcome : outcomes) {
    absl::PrintF("%s\n", json ? outcome.Json() : outcome.Text());
  }
}

// An error that names the attacks that did harm.
absl::Status Check(const std::vector<HostileOutcome>& outcomes) {
  std::vector<std::string> harmful;
  for (const HostileOutcome& outcome : outcomes) {
    if (!outcome.harmless()) harmful.push_back(outcome.Text());
  }
  if (harmful.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("these attacks did harm:\n", absl::StrJoin(harmful, "\n")));
}

absl::Status Measure(const std::vector<Attack>& attacks, int warm_up,
                     int rounds, absl::Duration length, int in_flight) {
  auto servers = StartProcesses(ChosenServers());
  if (!servers.ok()) return servers.status();
  for (const auto& server : *servers) {
    const absl::Status put = PutValues(server->address());
    if (!put.ok()) return put;
  }
  Measurement measurement(*(*servers)[0], *(*servers)[1], attacks);
  for (int round = 1 - warm_up; round <= rounds; ++round) {
    const absl::Status measured =
        measurement.Round(absl::StrFormat("round %d of %d", round, rounds),
                          /*counts=*/round >= 1, in_flight, length);
    if (!measured.ok()) return measured;
  }
  const bool json = absl::GetFlag(FLAGS_json);
  measurement.report().Print(
      json, absl::StrFormat("Echo of 64 bytes in a session, %d in flight; "
                            "medians of %d rounds of %s.",
                            in_flight, rounds, absl::FormatDuration(length)));
  PrintOutcomes(measurement.outcomes(), json);
  if (!absl::GetFlag(FLAGS_check)) return absl::OkStatus();
  return Check(measurement.outcomes());
}

int Main(int argc, char** argv) {
  ServeIfChild(argc, argv, Servers());
  ParseFlags(argc, argv, kUsage);
  const absl::StatusOr<std::vector<Attack>> attacks = ChosenAttacks();
  if (!attacks.ok()) return ExitCode(attacks.status());
  return ExitCode(Measure(*attacks, CheckedFlag(FLAGS_warm_up, 0, 10),
                          CheckedFlag(FLAGS_rounds, 1, 100),
                          CheckedSeconds(FLAGS_seconds, 20),
                          CheckedFlag(FLAGS_in_flight, 1, 1000)));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
