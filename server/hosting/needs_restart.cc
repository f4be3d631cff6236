// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/needs_restart.h"

#include <cstddef>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pinion {
namespace {

template <typename Options>
struct Field {
  absl::string_view name;
  bool (*differs)(const Options& a, const Options& b);
};

template <auto kMember, typename Options>
bool Differs(const Options& a, const Options& b) {
  return a.*kMember != b.*kMember;
}

using Listen = ListenOptions;
constexpr Field<Listen> kListenFields[] = {
    {"listen", Differs<&Listen::listen>},
    {"allow_unencrypted_public_traffic",
     Differs<&Listen::allow_unencrypted_public_traffic>},
    {"grpc_memory_bytes", Differs<&Listen::grpc_memory_bytes>},
    {"keepalive_time", Differs<&Listen::keepalive_time>},
    {"keepalive_timeout", Differs<&Listen::keepalive_timeout>},
    {"min_ping_interval", Differs<&Listen::min_ping_interval>},
    {"max_connection_age", Differs<&Listen::max_connection_age>},
    // The names of its members; what the files have may change.
    {"one of tls_certificate, tls_key, tls_client_ca, client_auth and "
     "tls_min_version",
     Differs<&Listen::tls>},
};
// max_connections and max_connections_per_address.
constexpr size_t kListenMayChange = 2;

using Hosted = HostingOptions;

// But for what share of the calls is traced.
bool CollectorDiffers(const Hosted& a, const Hosted& b) {
  TracingOptions like_b = a.tracing;
  like_b.sample = b.tracing.sample;
  return like_b != b.tracing;
}

constexpr Field<Hosted> kHostingFields[] = {
    {"workers", Differs<&Hosted::workers>},
    {"worker_cpus", Differs<&Hosted::worker_cpus>},
    {"cpu_policy", Differs<&Hosted::cpu_policy>},
    {"io_threads", Differs<&Hosted::io_threads>},
    {"session_io_threads", Differs<&Hosted::session_io_threads>},
    {"lane_streams", Differs<&Hosted::lane_streams>},
    {"server_calls", Differs<&Hosted::server_calls>},
    {"server_bytes", Differs<&Hosted::server_bytes>},
    {"trusted_proxies", Differs<&Hosted::trusted_proxies>},
    {"session_calls", Differs<&Hosted::session_calls>},
    {"session_bytes", Differs<&Hosted::session_bytes>},
    {"stream_bytes", Differs<&Hosted::stream_bytes>},
    {"write_timeout", Differs<&Hosted::write_timeout>},
    {"max_message_bytes", Differs<&Hosted::max_message_bytes>},
    {"key_seed", Differs<&Hosted::key_seed>},
    {"token_keys", Differs<&Hosted::token_keys>},
    {"token_issuer", Differs<&Hosted::token_issuer>},
    {"token_audience", Differs<&Hosted::token_audience>},
    {"token_algorithms", Differs<&Hosted::token_algorithms>},
    {"token_leeway", Differs<&Hosted::token_leeway>},
    {"token_cache_entries", Differs<&Hosted::token_cache_entries>},
    {"token_checks_per_second", Differs<&Hosted::token_checks_per_second>},
    {"token_checks_per_address", Differs<&Hosted::token_checks_per_address>},
    {"forwarded_identity_from", Differs<&Hosted::forwarded_identity_from>},
    {"reflection", Differs<&Hosted::reflection>},
    {"one of trace_collector, trace_collector_ca, trace_allow_unencrypted and "
     "trace_service_name",
     CollectorDiffers},
};
// lane_calls, lane_bytes, max_session_age, default_timeout, stall_after,
// stall_stacks, healthy_share, lame_duck, grace, log_format, log_level,
// log_keys, sample_calls, show_keys, policy and limits; and log, which is not
// compared.
constexpr size_t kHostingMayChange = 17;

// Converts to whatever a member is.
struct AnyMember {
  template <typename T>
  operator T() const;  // NOLINT(google-explicit-constructor)
};

// How many members the aggregate T has: the most with which it can be made.
template <typename T, typename... Members>
constexpr size_t CountMembers() {
  if constexpr (requires { T{Members{}..., AnyMember{}}; }) {
    return CountMembers<T, Members..., AnyMember>();
  } else {
    return sizeof...(Members);
  }
}

static_assert(CountMembers<Listen>() ==
                  std::size(kListenFields) + kListenMayChange,
              "a new option: add it above, or to Server::Reload()");
static_assert(CountMembers<Hosted>() ==
                  std::size(kHostingFields) + kHostingMayChange,
              "a new option: add it above, or to Server::Reload()");

template <typename Options>
std::vector<std::string> NamesOf(absl::Span<const Field<Options>> fields,
                                 const Options& a, const Options& b) {
  std::vector<std::string> names;
  for (const Field<Options>& field : fields) {
    if (field.differs(a, b)) names.emplace_back(field.name);
  }
  return names;
}

}  // namespace

std::vector<std::string> NeedsRestart(const ListenOptions& made_with,
                                      const ListenOptions& wanted) {
  return NamesOf<Listen>(kListenFields, made_with, wanted);
}

std::vector<std::string> NeedsRestart(const HostingOptions& made_with,
                                      const HostingOptions& wanted) {
  return NamesOf<Hosted>(kHostingFields, made_with, wanted);
}

absl::Status RestartError(const std::vector<std::string>& names) {
  if (names.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      absl::StrJoin(names, ", "), names.size() == 1
                                      ? " differs and needs a restart"
                                      : " differ and need a restart"));
}

}  // namespace pinion
