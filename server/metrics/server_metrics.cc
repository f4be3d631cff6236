// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/metrics/server_metrics.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "pinion/server/connection_counts.h"
#include "pinion/server/policy_snapshot.h"
#include "pinion/server/security_snapshot.h"
#include "pinion/server/tracing_snapshot.h"

namespace pinion {
namespace {

using Family = MetricFamilies::Family;

template <typename Number>
void Gauge(MetricFamilies& families, const char* name, const char* help,
           Number value) {
  families.Gauge(name, help).Add({}, static_cast<double>(value));
}

template <typename Number>
void Counter(MetricFamilies& families, const char* name, const char* help,
             Number value) {
  families.Counter(name, help).Add({}, static_cast<double>(value));
}

void AddHeld(const ServerSnapshot& snapshot, MetricFamilies& families) {
  Gauge(families, "pinion_server_serving",
        "1 if the server's health is SERVING, else 0.", snapshot.serving);
  Gauge(families, "pinion_server_stopping",
        "1 once the server's stop has begun, else 0.", snapshot.stopping);
  Gauge(families, "pinion_server_held_calls",
        "Calls that the server holds now, until their answers have left.",
        snapshot.held_calls);
  Gauge(families, "pinion_server_peak_calls",
        "The most calls that the server has held at a time.",
        snapshot.most_calls);
  Gauge(families, "pinion_server_max_calls",
        "The most calls that the server may hold; beyond them calls are "
        "refused with SERVER_FULL.",
        snapshot.max_calls);
  Gauge(families, "pinion_server_held_bytes",
        "Bytes of requests, metadata and answers that the server holds now.",
        snapshot.held_bytes);
  Gauge(families, "pinion_server_peak_bytes",
        "The most bytes that the server has held at a time.",
        snapshot.most_bytes);
  Gauge(families, "pinion_server_max_bytes",
        "The most bytes that the server may hold.", snapshot.max_bytes);
}

void AddClients(const ServerSnapshot& snapshot, MetricFamilies& families) {
  Gauge(families, "pinion_sessions_open", "Sessions that are open now.",
        snapshot.sessions.open);
  Counter(families, "pinion_sessions_opened_total",
          "Sessions that clients have opened.", snapshot.sessions.opened);
  const ConnectionCounts& connections = snapshot.connections;
  Gauge(families, "pinion_connections_open",
        "Connections that are open now; 0 where gRPC accepts them, in a "
        "Hosting.",
        connections.open);
  Gauge(families, "pinion_connections_peak",
        "The most connections that were open at a time.",
        connections.most_open);
  Counter(families, "pinion_connections_accepted_total",
          "Connections that were accepted.", connections.accepted);
  Counter(families, "pinion_connections_refused_total",
          "Connections that were closed at once, because max_connections or "
          "max_connections_per_address was reached.",
          connections.refused);

  const PartyLimitsSnapshot& limits = snapshot.limits;
  Family limited = families.Counter(
      "pinion_party_limited_total",
      "What the limits on one party have refused, by the limit; in calls but "
      "for sessions and streams.");
  limited.Add({{"limit", "calls_per_second"}},
              static_cast<double>(limits.calls));
  limited.Add({{"limit", "bytes_per_second"}},
              static_cast<double>(limits.bytes));
  limited.Add({{"limit", "connections"}},
              static_cast<double>(limits.connections));
  limited.Add({{"limit", "sessions"}}, static_cast<double>(limits.sessions));
  limited.Add({{"limit", "streams"}}, static_cast<double>(limits.streams));
  Family parties =
      families.Gauge("pinion_parties",
                     "Parties that are known now, by what tells them apart.");
  parties.Add({{"by", "principal"}}, static_cast<double>(limits.principals));
  parties.Add({{"by", "address"}}, static_cast<double>(limits.addresses));
}

void AddPolicy(const PolicySnapshot& policy, MetricFamilies& families) {
  Gauge(families, "pinion_policy_dry_run",
        "1 if what the policy denies is only counted and let in, else 0.",
        policy.dry_run);
  // By rule and decision, since the file may have two rules of one name.
  std::map<std::pair<std::string, bool>, uint64_t> calls;
  for (const PolicySnapshot::Rule& rule : policy.rules) {
    calls[{rule.name, rule.allows}] += rule.calls;
  }
  Family decisions = families.Counter(
      "pinion_policy_decisions_total",
      "Calls that the policy has decided, by rule and decision; no rule: none "
      "matched.");
  for (const auto& [rule, decided] : calls) {
    decisions.Add(
        {{"rule", rule.first}, {"decision", rule.second ? "allow" : "deny"}},
        static_cast<double>(decided));
  }
  decisions.Add({{"rule", ""}, {"decision", "deny"}},
                static_cast<double>(policy.matched_none));
}

void AddTls(const TlsEnds& tls, MetricFamilies& families) {
  Family ends =
      families.Gauge("pinion_tls_not_after_seconds",
                     "When a certificate in use ends, in seconds since 1970.");
  const auto add = [&](const char* certificate, absl::Time end) {
    ends.Add({{"certificate", certificate}},
             static_cast<double>(absl::ToUnixSeconds(end)));
  };
  add("server", tls.certificate);
  if (tls.client_ca.has_value()) add("client_ca", *tls.client_ca);
}

void AddTokens(const TokenCounts& tokens, MetricFamilies& families) {
  Family verdicts = families.Counter(
      "pinion_token_verdicts_total",
      "Verdicts on tokens, by how they were found: remembered, checked (the "
      "signature), refused_unchecked (invalid without that), not_checked (too "
      "many came at once).");
  verdicts.Add({{"how", "remembered"}}, static_cast<double>(tokens.remembered));
  verdicts.Add({{"how", "checked"}}, static_cast<double>(tokens.checked));
  verdicts.Add({{"how", "refused_unchecked"}},
               static_cast<double>(tokens.refused_unchecked));
  verdicts.Add({{"how", "not_checked"}},
               static_cast<double>(tokens.not_checked));
  Counter(families, "pinion_token_bad_signatures_total",
          "Tokens whose signature was checked and is not their key's.",
          tokens.refused_signature);
  Gauge(families, "pinion_tokens_remembered",
        "Tokens whose verdict is remembered now, valid and not.",
        tokens.entries);
}

void AddLosses(const ServerSnapshot& snapshot, MetricFamilies& families) {
  Counter(families, "pinion_log_left_out_total",
          "Lines that the log left out because too many of their kind came.",
          snapshot.log.left_out);
  Counter(families, "pinion_log_dropped_total",
          "Lines that the log dropped because whoever takes them was too slow.",
          snapshot.log.dropped);
}

void AddTraces(const TracingSnapshot& tracing, MetricFamilies& families) {
  Counter(families, "pinion_trace_spans_exported_total",
          "Spans that the collector has taken.", tracing.exported);
  Family dropped =
      families.Counter("pinion_trace_spans_dropped_total",
                       "Spans that no collector has got, by reason.");
  dropped.Add({{"reason", "queue_full"}},
              static_cast<double>(tracing.dropped_queue_full));
  dropped.Add({{"reason", "not_taken"}},
              static_cast<double>(tracing.dropped_not_taken));
  dropped.Add({{"reason", "rejected"}},
              static_cast<double>(tracing.dropped_rejected));
  dropped.Add({{"reason", "stopped"}},
              static_cast<double>(tracing.dropped_at_stop));
  Gauge(families, "pinion_trace_spans_waiting",
        "Spans that wait to be sent to the collector now.", tracing.waiting);
}

}  // namespace

void AddServerMetrics(const ServerSnapshot& snapshot,
                      MetricFamilies& families) {
  AddHeld(snapshot, families);
  AddClients(snapshot, families);
  if (snapshot.policy.has_value()) AddPolicy(*snapshot.policy, families);
  if (snapshot.tls.has_value()) AddTls(*snapshot.tls, families);
  if (snapshot.tokens.has_value()) AddTokens(*snapshot.tokens, families);
  AddLosses(snapshot, families);
  if (snapshot.tracing.on) AddTraces(snapshot.tracing, families);
}

}  // namespace pinion
