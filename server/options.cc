// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/options.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "pinion/core/cpu/cpu_list.h"
#include "pinion/core/work_list.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/listener/listen_address.h"
#include "pinion/server/party/trusted_proxies.h"
#include "pinion/server/security/identity/list_of.h"
#include "pinion/server/security/identity/token.h"
#include "pinion/server/tls_options.h"

namespace pinion {
namespace {

absl::Status InRange(absl::string_view name, int64_t value, int64_t least,
                     int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, "; valid are ", least, " to ", most));
}

absl::Status InRange(absl::string_view name, absl::Duration value,
                     absl::Duration least, absl::Duration most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, " is ", absl::FormatDuration(value), "; valid are ",
      absl::FormatDuration(least), " to ", absl::FormatDuration(most)));
}

absl::Status ValidateAddress(const ListenOptions& options) {
  // Where those sockets listen is checked when they are adopted.
  if (SystemdName(options.listen).has_value()) return absl::OkStatus();
  const absl::StatusOr<bool> local = IsLocalAddress(options.listen);
  if (!local.ok()) return local.status();
  if (*local || options.tls.on() || options.allow_unencrypted_public_traffic) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "listen is \"", options.listen,
      "\", which others can reach, and the traffic is not encrypted; set "
      "tls_certificate and tls_key, listen on a loopback address, or set "
      "allow_unencrypted_public_traffic"));
}

absl::Status ValidatePair(const TlsOptions& tls) {
  if (tls.certificate.empty() == tls.key.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      tls.key.empty()
          ? absl::StrCat("tls_certificate is \"", tls.certificate,
                         "\", and tls_key is empty; set both, or neither")
          : absl::StrCat("tls_key is \"", tls.key,
                         "\", and tls_certificate is empty; set both, or "
                         "neither"));
}

absl::Status ValidateClientAuth(const TlsOptions& tls) {
  const bool asks = tls.client_auth != ClientAuth::kOff;
  if (asks && !tls.on()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "client_auth is ", ToString(tls.client_auth),
        ", and without tls_certificate the server asks no client; set "
        "tls_certificate and tls_key, or leave it off"));
  }
  if (asks && tls.client_ca.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "client_auth is ", ToString(tls.client_auth),
        ", and tls_client_ca is empty; set it to the file with the authorities "
        "that have issued the certificates of clients"));
  }
  if (!asks && !tls.client_ca.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tls_client_ca is \"", tls.client_ca,
        "\", and client_auth is off, so no client would be asked for a "
        "certificate; set it to required or optional"));
  }
  return absl::OkStatus();
}

absl::Status ValidateVersion(const TlsOptions& tls) {
  if (tls.min_version == TlsVersion::k12 || tls.on()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "tls_min_version is 1.3, and without tls_certificate the server does not "
      "encrypt; set tls_certificate and tls_key");
}

absl::Status ValidateConnectionAge(absl::Duration age) {
  if (age >= absl::Milliseconds(100)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("max_connection_age is ", absl::FormatDuration(age),
                   "; valid are 100ms and up, and inf for none"));
}

absl::Status ShareInRange(absl::string_view name, double value) {
  if (value >= 0 && value <= 1)
    return absl::OkStatus();  // Not so if it is NaN.
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, "; valid are 0 to 1"));
}

// Which CPUs there are is known at the start only.
absl::Status ValidateCpus(absl::string_view worker_cpus) {
  if (worker_cpus.empty()) return absl::OkStatus();
  const auto cpus = ParseCpuList(worker_cpus);
  if (cpus.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("worker_cpus is wrong: ", cpus.status().message()));
}

absl::Status Positive(absl::string_view name, absl::Duration value) {
  if (value > absl::ZeroDuration()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", absl::FormatDuration(value),
                   "; valid is above 0, and inf for none"));
}

absl::Status ValidateTokens(const HostingOptions& options) {
  const bool judged = !options.token_keys.empty();
  for (const auto& [name, value] :
       {std::pair("token_issuer", &options.token_issuer),
        std::pair("token_audience", &options.token_audience)}) {
    if (value->empty() == !judged) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        name, judged ? " is empty" : " is set",
        "; valid are all of token_keys, token_issuer and token_audience, or "
        "none of them"));
  }
  return absl::OkStatus();
}

absl::Status ValidateAlgorithms(absl::string_view algorithms) {
  for (const absl::string_view algorithm : ListOf(algorithms)) {
    if (IsTokenAlgorithm(algorithm)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "token_algorithms has ", Quoted(algorithm, 32),
        "; valid are RS, PS, ES and HS with 256, 384 or 512, as in "
        "\"ES256,RS256\""));
  }
  if (!ListOf(algorithms).empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "token_algorithms is empty; valid is a list such as \"ES256,RS256\"");
}

// Each speaks for all of its clients, so none may be one by chance.
bool IsWholeX509(absl::string_view principal) {
  return absl::ConsumePrefix(&principal, "x509:") && !principal.empty() &&
         !absl::StrContains(principal, '*');
}

absl::Status ValidateForwarders(absl::string_view principals) {
  for (const absl::string_view principal : ListOf(principals)) {
    if (IsWholeX509(principal)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("forwarded_identity_from has ", Quoted(principal, 64),
                     "; valid are whole principals of certificates, without a "
                     "*, as in \"x509:spiffe://mesh/gateway\""));
  }
  return absl::OkStatus();
}

absl::Status ValidateCollector(const TracingOptions& tracing) {
  if (!tracing.on()) {
    if (tracing.collector_ca.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("trace_collector_ca is \"", tracing.collector_ca,
                     "\", and trace_collector is empty, so nothing is sent; "
                     "set trace_collector to the collector's host:port"));
  }
  const absl::StatusOr<bool> local = IsLocalAddress(tracing.collector);
  const auto parts = SplitHostPort(tracing.collector);
  if (!local.ok() || (!IsUnixAddress(tracing.collector) &&
                      (!parts.has_value() || parts->port == 0))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "trace_collector is ", Quoted(tracing.collector, 64),
        "; valid are host:port with a port of 1 to 65535, and unix:/path"));
  }
  if (*local || !tracing.collector_ca.empty() || tracing.allow_unencrypted) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "trace_collector is ", Quoted(tracing.collector, 64),
      ", on another machine, and the spans would not be encrypted; set "
      "trace_collector_ca, send them to a collector on a loopback address, or "
      "set trace_allow_unencrypted"));
}

// Those that are not OK.
std::vector<absl::Status> NotOk(absl::Span<const absl::Status> checks) {
  std::vector<absl::Status> mistakes;
  for (const absl::Status& check : checks) {
    if (!check.ok()) mistakes.push_back(check);
  }
  return mistakes;
}

absl::Status First(const std::vector<absl::Status>& mistakes) {
  return mistakes.empty() ? absl::OkStatus() : mistakes.front();
}

}  // namespace

absl::Status Validate(const ListenOptions& options) {
  return First(Mistakes(options));
}

absl::Status Validate(const HostingOptions& options) {
  return First(Mistakes(options));
}

std::vector<absl::Status> Mistakes(const ListenOptions& options) {
  const absl::Status checks[] = {
      ValidateAddress(options),
      InRange("max_connections", options.max_connections, 1, 1'000'000),
      InRange("max_connections_per_address",
              options.max_connections_per_address, 0, 1'000'000),
      InRange("grpc_memory_bytes", options.grpc_memory_bytes, 16 << 20,
              int64_t{1} << 40),
      InRange("keepalive_time", options.keepalive_time, absl::Milliseconds(100),
              absl::Hours(1)),
      InRange("keepalive_timeout", options.keepalive_timeout,
              absl::Milliseconds(100), absl::Hours(1)),
      InRange("min_ping_interval", options.min_ping_interval,
              absl::ZeroDuration(), absl::Hours(1)),
      ValidateConnectionAge(options.max_connection_age),
      ValidatePair(options.tls),
      ValidateClientAuth(options.tls),
      ValidateVersion(options.tls),
  };
  return NotOk(checks);
}

std::vector<absl::Status> Mistakes(const HostingOptions& options) {
  const int64_t one_message = options.max_message_bytes;
  const absl::Status checks[] = {
      InRange("workers", options.workers, 0, 1 << 16),
      ValidateCpus(options.worker_cpus),
      InRange("io_threads", options.io_threads, 0, 64),
      InRange("session_io_threads", options.session_io_threads, 0, 64),
      InRange("max_message_bytes", one_message, 1 << 10, 1 << 30),
      InRange("lane_calls", options.lane_calls, 1, WorkList::kMaxCapacity),
      InRange("lane_bytes", options.lane_bytes, one_message, Credit::kMaxBytes),
      InRange("lane_streams", options.lane_streams, 1, Credit::kMaxCalls),
      InRange("server_calls", options.server_calls, 1, Credit::kMaxCalls),
      // One request and its answer are at most half of it: a party's share.
      InRange("server_bytes", options.server_bytes, 4 * one_message,
              Credit::kMaxBytes),
      TrustedProxies::Parse(options.trusted_proxies).status(),
      ValidateTokens(options),
      ValidateAlgorithms(options.token_algorithms),
      InRange("token_leeway", options.token_leeway, absl::ZeroDuration(),
              absl::Hours(1)),
      InRange("token_cache_entries", options.token_cache_entries, 1, 1'000'000),
      InRange("token_checks_per_second", options.token_checks_per_second, 1,
              1'000'000),
      InRange("token_checks_per_address", options.token_checks_per_address, 1,
              1'000'000),
      ValidateForwarders(options.forwarded_identity_from),
      InRange("session_calls", options.session_calls, 1, 1'000'000),
      InRange("session_bytes", options.session_bytes, one_message,
              Credit::kMaxBytes),
      InRange("stream_bytes", options.stream_bytes, one_message,
              Credit::kMaxBytes),
      InRange("write_timeout", options.write_timeout, absl::Milliseconds(10),
              absl::Hours(1)),
      Positive("max_session_age", options.max_session_age),
      Positive("default_timeout", options.default_timeout),
      InRange("stall_after", options.stall_after, absl::Milliseconds(10),
              absl::Hours(1)),
      ShareInRange("healthy_share", options.healthy_share),
      InRange("sample_calls", options.sample_calls, 0, 1'000'000),
      InRange("lame_duck", options.lame_duck, absl::ZeroDuration(),
              absl::Hours(1)),
      InRange("grace", options.grace, absl::ZeroDuration(), absl::Hours(1)),
      InRange("calls_per_second", options.limits.calls_per_second, 0,
              1'000'000'000),
      InRange("call_burst", options.limits.call_burst, 0, 1'000'000'000),
      InRange("bytes_per_second", options.limits.bytes_per_second, 0,
              int64_t{1} << 40),
      InRange("connections_per_party", options.limits.connections_per_party, 0,
              1'000'000),
      InRange("sessions_per_party", options.limits.sessions_per_party, 0,
              1'000'000),
      InRange("streams_per_party", options.limits.streams_per_party, 0,
              1'000'000),
      ValidateCollector(options.tracing),
      ShareInRange("trace_sample", options.tracing.sample),
  };
  return NotOk(checks);
}

}  // namespace pinion
