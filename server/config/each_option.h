// SPDX-License-Identifier: Apache-2.0
//
// EachOption: visits each field of the configuration with the member of the
//             option structs that it sets.
//
// Threads: plain functions; any thread.
// Order:   that of the schema.
// Example: EachOption(options, [](absl::string_view path, const auto& value) {
//            // "lanes.lane_calls", options.hosting.lane_calls
//          });
//
// A new option gets its row here, and its field in
// proto/pinion/config/v1/server_config.proto.
#ifndef PINION_SERVER_CONFIG_EACH_OPTION_H_
#define PINION_SERVER_CONFIG_EACH_OPTION_H_

#include "pinion/server/config/options_from_config.h"

namespace pinion {

// Calls `visit(path, member)` for each. `Options` is ConfiguredOptions, const
// or not.
template <typename Options, typename Visit>
void EachOption(Options& options, Visit visit) {
  auto& [listen, hosting, run] = options;

  visit("listener.listen", listen.listen);
  visit("listener.allow_unencrypted_public_traffic",
        listen.allow_unencrypted_public_traffic);
  visit("listener.max_connections", listen.max_connections);
  visit("listener.max_connections_per_address",
        listen.max_connections_per_address);
  visit("listener.grpc_memory_bytes", listen.grpc_memory_bytes);
  visit("listener.keepalive_time", listen.keepalive_time);
  visit("listener.keepalive_timeout", listen.keepalive_timeout);
  visit("listener.min_ping_interval", listen.min_ping_interval);
  visit("listener.max_connection_age", listen.max_connection_age);

  visit("tls.tls_certificate", listen.tls.certificate);
  visit("tls.tls_key", listen.tls.key);
  visit("tls.tls_client_ca", listen.tls.client_ca);
  visit("tls.client_auth", listen.tls.client_auth);
  visit("tls.tls_min_version", listen.tls.min_version);

  visit("workers.workers", hosting.workers);
  visit("workers.worker_cpus", hosting.worker_cpus);
  visit("workers.cpu_policy", hosting.cpu_policy);
  visit("workers.io_threads", hosting.io_threads);
  visit("workers.session_io_threads", hosting.session_io_threads);

  visit("lanes.lane_calls", hosting.lane_calls);
  visit("lanes.lane_bytes", hosting.lane_bytes);
  visit("lanes.lane_streams", hosting.lane_streams);

  visit("memory.server_calls", hosting.server_calls);
  visit("memory.server_bytes", hosting.server_bytes);
  visit("memory.trusted_proxies", hosting.trusted_proxies);

  visit("sessions.session_calls", hosting.session_calls);
  visit("sessions.session_bytes", hosting.session_bytes);
  visit("sessions.stream_bytes", hosting.stream_bytes);
  visit("sessions.write_timeout", hosting.write_timeout);
  visit("sessions.max_session_age", hosting.max_session_age);

  visit("limits.max_message_bytes", hosting.max_message_bytes);
  visit("limits.default_timeout", hosting.default_timeout);
  visit("limits.calls_per_second", hosting.limits.calls_per_second);
  visit("limits.call_burst", hosting.limits.call_burst);
  visit("limits.bytes_per_second", hosting.limits.bytes_per_second);
  visit("limits.connections_per_party", hosting.limits.connections_per_party);
  visit("limits.sessions_per_party", hosting.limits.sessions_per_party);
  visit("limits.streams_per_party", hosting.limits.streams_per_party);

  visit("health.stall_after", hosting.stall_after);
  visit("health.stall_stacks", hosting.stall_stacks);
  visit("health.healthy_share", hosting.healthy_share);

  visit("stop.lame_duck", hosting.lame_duck);
  visit("stop.grace", hosting.grace);

  visit("log.log_format", hosting.log_format);
  visit("log.log_level", hosting.log_level);
  visit("log.log_keys", hosting.log_keys);

  visit("keys.key_seed", hosting.key_seed);

  visit("observe.sample_calls", hosting.sample_calls);
  visit("observe.show_keys", hosting.show_keys);

  visit("tokens.token_keys", hosting.token_keys);
  visit("tokens.token_issuer", hosting.token_issuer);
  visit("tokens.token_audience", hosting.token_audience);
  visit("tokens.token_algorithms", hosting.token_algorithms);
  visit("tokens.token_leeway", hosting.token_leeway);
  visit("tokens.token_cache_entries", hosting.token_cache_entries);
  visit("tokens.token_checks_per_second", hosting.token_checks_per_second);
  visit("tokens.token_checks_per_address", hosting.token_checks_per_address);

  visit("policy.policy_file", hosting.policy.policy_file);
  visit("policy.policy_dry_run", hosting.policy.policy_dry_run);
  visit("policy.forwarded_identity_from", hosting.forwarded_identity_from);

  visit("probes.probe_listen", run.probe_listen);

  visit("admin.admin", run.admin.listen);
  visit("admin.admin_socket", run.admin.socket);
  visit("admin.admin_token_file", run.admin.token_file);
  visit("admin.admin_certificate", run.admin.certificate);
  visit("admin.admin_key", run.admin.key);
  visit("admin.admin_hosts", run.admin.hosts);

  visit("reflection.reflection", hosting.reflection);

  visit("tracing.trace_collector", hosting.tracing.collector);
  visit("tracing.trace_sample", hosting.tracing.sample);
  visit("tracing.trace_collector_ca", hosting.tracing.collector_ca);
  visit("tracing.trace_allow_unencrypted", hosting.tracing.allow_unencrypted);
  visit("tracing.trace_service_name", hosting.tracing.service_name);

  visit("output.account", run.account);
  visit("output.summary", run.summary);
}

}  // namespace pinion

#endif  // PINION_SERVER_CONFIG_EACH_OPTION_H_
