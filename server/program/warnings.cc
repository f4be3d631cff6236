// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/program/warnings.h"

#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/core/cpu/cpu_plan.h"
#include "pinion/core/tls/certificates.h"
#include "pinion/core/tls/pem_file.h"
#include "pinion/server/admin_options.h"
#include "pinion/server/config/options_from_config.h"
#include "pinion/server/listener/listen_address.h"
#include "pinion/server/options.h"
#include "pinion/server/security/policy/read_policy.h"
#include "pinion/server/security/policy/unknown_paths.h"
#include "pinion/server/security/tls/tls_files.h"
#include "pinion/server/security/tls/tls_watch.h"
#include "pinion/server/tls_options.h"

namespace pinion {
namespace {

// What a stop takes beyond lame_duck and grace.
constexpr absl::Duration kStopsWithin = absl::Seconds(1);

// How long supervisors wait for a stop, unless they are told otherwise.
constexpr absl::Duration kSystemdWaits = absl::Seconds(90);
constexpr absl::Duration kKubernetesWaits = absl::Seconds(30);

// What a process opens beside its connections.
constexpr int64_t kOtherFiles = 64;

std::string InWords(int64_t bytes) {
  const double mebibytes = static_cast<double>(bytes) / (1 << 20);
  return mebibytes < 1024 ? absl::StrFormat("%.1f MiB", mebibytes)
                          : absl::StrFormat("%.1f GiB", mebibytes / 1024);
}

class Warner {
 public:
  Warner(const ProgramConfig& config, const Surroundings& surroundings)
      : config_(config),
        options_(OptionsOf(config.server())),
        surroundings_(surroundings) {}

  void Stop() {
    const HostingOptions& hosting = options_.hosting;
    const absl::Duration stop =
        hosting.lame_duck + hosting.grace + kStopsWithin;
    if (stop <= kKubernetesWaits) return;
    Warn("stop.grace",
         absl::StrCat(
             "with lame_duck a stop takes up to ", absl::FormatDuration(stop),
             "; Kubernetes ends a pod after 30s",
             stop > kSystemdWaits ? ", and systemd a service after 90s," : "",
             " whatever still runs: raise terminationGracePeriodSeconds",
             stop > kSystemdWaits ? " or TimeoutStopSec" : "",
             " above it, or lower lame_duck or grace"));
  }

  void Traffic() {
    const auto is_local = IsLocalAddress(options_.listen.listen);
    if (!is_local.ok() || *is_local) return;
    if (options_.listen.tls.on()) return;
    Warn("listener.listen",
         absl::StrCat("others can reach ", options_.listen.listen,
                      ", and the traffic is not encrypted: anyone on the way "
                      "can read and change it"));
  }

  // Files may be missing where a configuration is only checked.
  void Tls() {
    const TlsOptions& tls = options_.listen.tls;
    if (!tls.on()) return;
    auto texts = ReadTlsTexts(tls);
    const auto files =
        texts.ok() ? CheckTlsTexts(tls, *std::move(texts), surroundings_.now)
                   : texts.status();
    if (!files.ok()) {
      Warn("tls.tls_certificate",
           absl::StrCat("the server does not start with these files: ",
                        files.status().message()));
      return;
    }
    TlsEnd("tls.tls_certificate", files->certificate);
    if (files->client_ca.has_value()) {
      TlsEnd("tls.tls_client_ca", *files->client_ca);
    }
    if (tls.client_auth != ClientAuth::kOff &&
        options_.listen.max_connection_age == absl::InfiniteDuration()) {
      Warn("tls.client_auth",
           "a client's certificate is looked at when it connects, and "
           "max_connection_age is inf: a client whose certificate has ended is "
           "served as long as it stays connected; set max_connection_age and, "
           "if there are sessions, max_session_age");
    }
  }

  void Admin() {
    const AdminOptions& admin = options_.run.admin;
    if (admin.listen.empty()) return;
    if (!admin.certificate.empty()) AdminCertificate(admin);
    const auto is_local = IsLocalAddress(admin.listen);
    if (options_.hosting.show_keys && is_local.ok() && !*is_local) {
      Warn("admin.admin",
           absl::StrCat("others can reach ", admin.listen,
                        ", and show_keys is on: whoever has the token sees "
                        "the keys of calls, which may be personal data"));
    }
  }

  void Files() {
    const int64_t most = options_.listen.max_connections;
    if (surroundings_.most_files - kOtherFiles >= most) return;
    Warn("listener.max_connections",
         absl::StrCat(most,
                      " connections need as many open files, and this "
                      "process may have ",
                      surroundings_.most_files,
                      ": raise the limit (ulimit -Hn, LimitNOFILE=), or lower "
                      "max_connections well below it"));
  }

  // Returns the number of workers that there will be.
  int Workers() {
    const HostingOptions& hosting = options_.hosting;
    if (surroundings_.machine.ok()) {
      const auto plan = MakeCpuPlan({.workers = hosting.workers,
                                     .cpus = hosting.worker_cpus,
                                     .policy = hosting.cpu_policy},
                                    *surroundings_.machine);
      if (plan.ok()) return plan->workers;
      Warn(hosting.worker_cpus.empty() ? "workers.workers"
                                       : "workers.worker_cpus",
           absl::StrCat("the server does not start on this machine: ",
                        plan.status().message()));
    }
    return std::max(hosting.workers, 1);
  }

  void Memory(int64_t own_bytes) {
    if (!surroundings_.memory.ok()) return;
    const int64_t server = options_.hosting.server_bytes;
    const int64_t grpc = options_.listen.grpc_memory_bytes;
    const MemoryLimit& limit = *surroundings_.memory;
    if (server + grpc + own_bytes <= limit.bytes) return;
    Warn("memory.server_bytes",
         absl::StrCat(
             "the limits add up to ", InWords(server + grpc + own_bytes),
             ", and ", limit.source, " allows ", InWords(limit.bytes),
             ": under load the kernel may end the process. They are "
             "server_bytes ",
             InWords(server), ", grpc_memory_bytes ", InWords(grpc),
             own_bytes > 0 ? absl::StrCat(", and the program's services ",
                                          InWords(own_bytes))
                           : "",
             "; lower them, or give it more memory"));
  }

  // Who has forgotten the other option would believe that it holds.
  void Rules() {
    const HostingOptions& hosting = options_.hosting;
    if (hosting.limits.call_burst > 0 && hosting.limits.calls_per_second == 0) {
      Warn("limits.call_burst",
           "there is no limit without calls_per_second; set that, too");
    }
    if (hosting.policy.policy_dry_run && hosting.policy.policy_file.empty()) {
      Warn("policy.policy_dry_run",
           "there is no policy without policy_file; set that, too");
    }
  }

  // Those of the policy's own file, which was read without a mistake.
  void Paths(const std::function<std::vector<std::string>()>& methods) {
    const std::string& file = options_.hosting.policy.policy_file;
    if (file.empty() || !methods) return;
    for (ConfigMistake& path :
         UnknownPaths(file, ReadPolicyFile(file).rules, methods())) {
      warnings_.push_back(std::move(path));
    }
  }

  std::vector<ConfigMistake> TakeAll() { return std::move(warnings_); }

 private:
  void AdminCertificate(const AdminOptions& admin) {
    const auto certificate = ReadPemFile(admin.certificate);
    const auto key = ReadPemFile(admin.key);
    absl::Status status =
        certificate.ok() ? key.status() : certificate.status();
    if (status.ok()) {
      const std::string name =
          absl::StrCat("admin_certificate \"", admin.certificate, "\"");
      const auto facts =
          CheckPair({name, *certificate},
                    {absl::StrCat("admin_key \"", admin.key, "\""), *key});
      status = facts.ok() ? CheckTime(name, *facts, surroundings_.now)
                          : facts.status();
      if (status.ok()) return TlsEnd("admin.admin_certificate", *facts);
    }
    Warn("admin.admin_certificate",
         absl::StrCat("the server does not start with these files: ",
                      status.message()));
  }

  void TlsEnd(const std::string& path, const CertificateFacts& facts) {
    if (facts.not_after - surroundings_.now > TlsWatch::kEndsSoon) return;
    Warn(path, absl::StrCat("it has ", facts.ToString(),
                            ": replace it before, or new connections fail"));
  }

  void Warn(const std::string& path, absl::string_view text) {
    warnings_.push_back(config_.MistakeAt(path, text));
  }

  const ProgramConfig& config_;
  const ConfiguredOptions options_;
  const Surroundings& surroundings_;
  std::vector<ConfigMistake> warnings_;
};

}  // namespace

Surroundings LookAround() {
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  return {.machine = ProbeMachine(),
          .memory = ReadMemoryLimit(),
          // As much as Server::Run() raises it to.
          .most_files = static_cast<int64_t>(
              std::min<rlim_t>(files.rlim_max, int64_t{1} << 40)),
          .now = absl::Now()};
}

std::vector<ConfigMistake> WarningsOf(
    const ProgramConfig& config, const Surroundings& surroundings,
    const std::function<int64_t(int workers)>& own_bytes,
    const std::function<std::vector<std::string>()>& methods) {
  Warner warner(config, surroundings);
  warner.Traffic();
  warner.Tls();
  warner.Admin();
  warner.Files();
  const int workers = warner.Workers();
  warner.Memory(own_bytes ? own_bytes(workers) : 0);
  warner.Stop();
  warner.Rules();
  warner.Paths(methods);
  return warner.TakeAll();
}

}  // namespace pinion
