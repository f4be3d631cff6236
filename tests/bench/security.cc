// SPDX-License-Identifier: Apache-2.0
//
// security: what it costs to be safe: encryption, tokens and a policy, beside
// the same calls without; and what a call costs that is denied.
//
// Each server is a process of its own; one client calls them in turn, several
// rounds of all, each round in another order.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/client/client.h"
#include "pinion/client/echo_methods.h"
#include "pinion/client/token_file.h"
#include "pinion/core/base/check.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/server/echo/echo_shard.h"
#include "pinion/server/server.h"
#include "pinion/server/tls_options.h"
#include "pinion/tests/bench/support/bench_servers.h"
#include "pinion/tests/bench/support/call_figures.h"
#include "pinion/tests/bench/support/call_loop.h"
#include "pinion/tests/bench/support/child_process.h"
#include "pinion/tests/bench/support/many_rules.h"
#include "pinion/tests/bench/support/measure_rounds.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/report.h"
#include "pinion/tests/bench/support/serve_on_loopback.h"
#include "pinion/tests/support/certificates.h"
#include "pinion/tests/support/token_maker.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the tables");
ABSL_FLAG(std::vector<std::string>, ways, {},
          "how calls are made: session, unary or both, separated by commas "
          "(default: both)");
ABSL_FLAG(int, rounds, 7, "how often each is measured; 1 to 1000");
ABSL_FLAG(double, seconds, 0.8,
          "how long one measurement takes; above 0, at most 60");
ABSL_FLAG(std::vector<std::string>, in_flight, std::vector<std::string>({"64"}),
          "how many calls to keep in flight, 1 to 10000, separated by commas");
ABSL_FLAG(
    std::vector<std::string>, payload,
    std::vector<std::string>({"64", "4096", "65536"}),
    "how many bytes each call sends and gets back, 1 to 1000000, separated "
    "by commas");

namespace pinion::bench {
namespace {

constexpr absl::string_view kUsage =
    "usage: security [FLAG]...\n\n"
    "Measures an echo over TCP loopback, within a session and as unary calls, "
    "at\nseveral sizes: `tls` encrypted, with certificates on both sides, and "
    "`plain` in the\nclear; `checked` in the clear, with a token that the "
    "server has checked and a\npolicy of 100 rules; `denied` the same without "
    "a token, by which each call is\nrefused.";

constexpr absl::Duration kWarmUp = absl::Milliseconds(300);
constexpr int kWarmUpInFlight = 64;
constexpr int kWarmUpPayload = 64;
constexpr int kRules = 100;

// ---- Servers ----------------------------------------------------------------

// The folder of the files below, which the servers' processes inherit.
constexpr char kFolderVariable[] = "PINION_BENCH_CERTIFICATES";

std::string FileOf(absl::string_view name) {
  const char* const folder = std::getenv(kFolderVariable);
  PINION_CHECK(folder != nullptr, kFolderVariable);
  return absl::StrCat(folder, "/", name);
}

void Write(absl::string_view name, const std::string& text) {
  std::ofstream file(FileOf(name));
  file << text;
  PINION_CHECK(file.good(), FileOf(name));
}

// Before any server starts.
void MakeCertificates() {
  std::string folder = "/tmp/pinion_bench_XXXXXX";
  PINION_CHECK(mkdtemp(folder.data()) != nullptr, folder);
  setenv(kFolderVariable, folder.c_str(), /*overwrite=*/1);
  const pinion::testing::TestAuthority authority;
  const auto server = authority.Issue({.name = "server"});
  const auto client = authority.Issue({.name = "client"});
  Write("ca.pem", authority.certificate());
  Write("server.pem", server.certificate);
  Write("server.key", server.key);
  Write("client.pem", client.certificate);
  Write("client.key", client.key);
  // The clients' token, which outlives any measurement.
  const auto issuer = pinion::testing::TokenMaker::Ec("k1");
  Write("keys.json", pinion::testing::KeySetOf({&issuer}));
  Write("token", issuer.Sign(pinion::testing::ClaimsOf(
                     {.expires = absl::Now() + absl::Hours(1000)})));
}

std::string Serve(TlsOptions tls, HostingOptions hosting = {}) {
  return ServeOnLoopback(
      std::move(hosting), [](Server& server) { echo::HostEcho(server); },
      std::move(tls));
}

std::string StartPlain() { return Serve({}); }

std::string StartTls() {
  return Serve({.certificate = FileOf("server.pem"),
                .key = FileOf("server.key"),
                .client_ca = FileOf("ca.pem"),
                .client_auth = ClientAuth::kRequired});
}

std::string StartWithRules(absl::string_view allowed) {
  const ManyRules rules(kRules, allowed);
  HostingOptions hosting;
  hosting.token_keys = FileOf("keys.json");
  hosting.token_issuer = pinion::testing::kIssuer;
  hosting.token_audience = pinion::testing::kAudience;
  hosting.policy.policy_file = rules.file();
  return Serve({}, hosting);
}
std::string StartChecked() { return StartWithRules(echo::kEcho.name()); }
std::string StartDenied() { return StartWithRules(echo::kEchoKeyed.name()); }

const BenchServers& Servers() {
  static const auto* const servers = new BenchServers{
      {"plain", StartPlain},
      {"tls", StartTls},
      {"checked", StartChecked},
      {"denied", StartDenied},
  };
  return *servers;
}

// ---- Clients ----------------------------------------------------------------

std::unique_ptr<Client> ClientOf(const ChildProcess& server, bool unary) {
  ClientOptions options = {.unary = unary};
  if (server.role() == "tls") {
    options.tls = ClientTls{.ca = FileOf("ca.pem"),
                            .cert = FileOf("client.pem"),
                            .key = FileOf("client.key")};
  }
  if (server.role() == "checked") {
    options.token_source = TokenFile(FileOf("token"));
  }
  return Client::Connect(server.address(), options);
}

class EchoWay final : public CallWay {
 public:
  // Each call must succeed, or be denied.
  EchoWay(Client& client, int payload, bool denied)
      : client_(client), denied_(denied) {
    request_.set_payload(std::string(static_cast<size_t>(payload), 'x'));
  }

  void Begin(CallSlot& slot) override {
    client_.Start(echo::kEcho, request_, {},
                  [this, &slot](absl::StatusOr<echo::v1::EchoResponse> answer) {
                    slot.Answered(Check(answer));
                  });
  }

 private:
  absl::Status Check(const absl::StatusOr<echo::v1::EchoResponse>& answer) {
    if (denied_) {
      return absl::IsPermissionDenied(answer.status())
                 ? absl::OkStatus()
                 : absl::InternalError("a call was not denied");
    }
    if (!answer.ok()) return answer.status();
    if (answer->payload().size() == request_.payload().size()) {
      return absl::OkStatus();
    }
    return absl::InternalError("another payload came back than was sent");
  }

  Client& client_;
  const bool denied_;
  echo::v1::EchoRequest request_;
};

// A server, and a client of each kind.
class Contender {
 public:
  explicit Contender(std::unique_ptr<ChildProcess> server)
      : server_(std::move(server)),
        session_(ClientOf(*server_, /*unary=*/false)),
        unary_(ClientOf(*server_, /*unary=*/true)) {}

  absl::string_view name() const { return server_->role(); }

  absl::StatusOr<CallFigures> Measure(bool unary, int in_flight, int payload,
                                      absl::Duration length) {
    EchoWay way(unary ? *unary_ : *session_, payload, name() == "denied");
    return CallLoop(way, *server_, in_flight).Measure(length);
  }

 private:
  std::unique_ptr<ChildProcess> server_;
  std::unique_ptr<Client> session_;
  std::unique_ptr<Client> unary_;
};

// ---- The measurement --------------------------------------------------------

struct Case {
  bool unary;
  int in_flight;
  int payload;
};

std::string WayOf(const Case& one) { return one.unary ? "unary" : "session"; }

std::string Describe(const Case& one) {
  return absl::StrCat(WayOf(one), ", ", one.in_flight, " in flight, ",
                      one.payload, " bytes");
}

struct Plan {
  std::vector<Case> cases;
  int rounds;
  absl::Duration length;
};

Plan PlanFromFlags() {
  Plan plan = {.cases = {},
               .rounds = CheckedFlag(FLAGS_rounds, 1, 1000),
               .length = CheckedSeconds(FLAGS_seconds, 60)};
  for (const std::string& way :
       CheckedNames(FLAGS_ways, {"session", "unary"})) {
    const bool unary = way == "unary";
    for (const int in_flight : CheckedNumbers(FLAGS_in_flight, 1, 10'000)) {
      for (const int payload : CheckedNumbers(FLAGS_payload, 1, 1'000'000)) {
        plan.cases.push_back({unary, in_flight, payload});
      }
    }
  }
  return plan;
}

absl::Status Measure(const Plan& plan) {
  // First all servers: a process that has threads should not fork.
  auto servers = StartProcesses(NamesOf(Servers()));
  if (!servers.ok()) return servers.status();
  std::vector<Contender> contenders;
  for (auto& server : *servers) contenders.emplace_back(std::move(server));
  for (Contender& contender : contenders) {
    for (const bool unary : {false, true}) {
      const auto warm =
          contender.Measure(unary, kWarmUpInFlight, kWarmUpPayload, kWarmUp);
      if (!warm.ok()) return warm.status();
    }
  }
  Report report("security", {"way", "in_flight", "payload"},
                {{"rps", 0},
                 {"p50_us", 1},
                 {"p99_us", 1},
                 {"cpu_us_per_call", 3},
                 {"client_us_per_call", 3}});
  report.Compare("tls", "plain");
  report.Compare("tls", "plain", "cpu_us_per_call");
  report.Compare("checked", "plain");
  report.Compare("checked", "plain", "cpu_us_per_call");
  report.Compare("denied", "plain", "cpu_us_per_call");
  const absl::Status status = MeasureRounds(
      plan.rounds, plan.cases, contenders, Describe,
      [&](Contender& contender, const Case& one) {
        const auto figures = contender.Measure(one.unary, one.in_flight,
                                               one.payload, plan.length);
        if (!figures.ok()) return figures.status();
        report.Add(contender.name(), {WayOf(one), one.in_flight, one.payload},
                   {figures->rps, figures->p50_us, figures->p99_us,
                    figures->cpu_us_per_call, figures->client_us_per_call});
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  report.Print(absl::GetFlag(FLAGS_json),
               absl::StrFormat("Echo over TCP loopback, safe and not; medians "
                               "of %d rounds of %s.",
                               plan.rounds, absl::FormatDuration(plan.length)));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ServeIfChild(argc, argv, Servers());
  ParseFlags(argc, argv, kUsage);
  const Plan plan = PlanFromFlags();
  MakeCertificates();
  const absl::Status measured = Measure(plan);
  std::filesystem::remove_all(FileOf(""));
  return ExitCode(measured);
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
