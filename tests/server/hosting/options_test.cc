// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/options.h"

#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/listener/listen_address.h"
#include "pinion/server/tls_options.h"

namespace pinion {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What is said of options that differ from the default by `change`.
template <typename Options = HostingOptions, typename Change>
std::string Complaint(Change change) {
  Options options;
  change(options);
  return std::string(Validate(options).message());
}

TEST(OptionsTest, AcceptsItsDefaults) {
  EXPECT_TRUE(Validate(ListenOptions()).ok());
  EXPECT_TRUE(Validate(HostingOptions()).ok());
}

TEST(OptionsTest, NamesTheOptionItsValueAndWhatIsValidInOneLine) {
  const std::string complaints[] = {
      Complaint([](auto& options) { options.workers = -5; }),
      Complaint([](auto& options) { options.io_threads = 65; }),
      Complaint([](auto& options) { options.session_io_threads = -1; }),
      Complaint([](auto& options) { options.lane_calls = 0; }),
      Complaint([](auto& options) { options.max_message_bytes = 5; }),
      Complaint([](auto& options) { options.grace = -absl::Seconds(1); }),
      Complaint<ListenOptions>(
          [](auto& options) { options.listen = "nonsense"; }),
      Complaint([](auto& options) { options.session_calls = 0; }),
      Complaint([](auto& options) { options.session_calls = 1'000'001; }),
      Complaint([](auto& options) { options.session_bytes = 1024; }),
      Complaint([](auto& options) { options.stream_bytes = 1023; }),
      Complaint([](auto& options) { options.token_issuer = "me"; }),
      Complaint([](auto& options) { options.token_audience = "me"; }),
      Complaint([](auto& options) { options.token_keys = "keys.json"; }),
      Complaint([](auto& options) { options.token_algorithms = "none"; }),
      Complaint(
          [](auto& options) { options.token_algorithms = "ES256,EdDSA"; }),
      Complaint([](auto& options) { options.token_algorithms = ","; }),
      Complaint([](auto& options) { options.token_leeway = absl::Hours(2); }),
      Complaint([](auto& options) { options.token_cache_entries = 0; }),
      Complaint([](auto& options) { options.token_checks_per_second = 0; }),
      Complaint(
          [](auto& options) { options.token_checks_per_address = 1'000'001; }),
      Complaint([](auto& options) {
        options.forwarded_identity_from = "spiffe://mesh/gateway";
      }),
      Complaint([](auto& options) { options.lane_streams = 0; }),
      Complaint(
          [](auto& options) { options.write_timeout = absl::Milliseconds(9); }),
      Complaint([](auto& options) {
        options.max_session_age = absl::ZeroDuration();
      }),
      Complaint([](auto& options) { options.healthy_share = -0.5; }),
      Complaint([](auto& options) { options.healthy_share = 1.5; }),
      Complaint([](auto& options) { options.healthy_share = std::nan(""); }),
      Complaint([](auto& options) { options.sample_calls = -1; }),
      Complaint([](auto& options) { options.sample_calls = 1'000'001; }),
      Complaint<ListenOptions>([](auto& options) {
        options.keepalive_time = absl::Milliseconds(99);
      }),
      Complaint<ListenOptions>(
          [](auto& options) { options.keepalive_timeout = absl::Hours(2); }),
      Complaint<ListenOptions>([](auto& options) {
        options.min_ping_interval = -absl::Milliseconds(1);
      }),
      Complaint<ListenOptions>(
          [](auto& options) { options.min_ping_interval = absl::Hours(2); }),
      Complaint([](auto& options) {
        options.server_bytes = 4 * options.max_message_bytes - 1;
      }),
      Complaint([](auto& options) { options.trusted_proxies = "10.0.0/8"; }),
      Complaint([](auto& options) { options.worker_cpus = "3-1"; }),
      Complaint<ListenOptions>(
          [](auto& options) { options.max_connections = 0; }),
      Complaint<ListenOptions>(
          [](auto& options) { options.max_connections_per_address = -1; }),
      Complaint([](auto& options) { options.limits.calls_per_second = -1; }),
      Complaint(
          [](auto& options) { options.limits.call_burst = 1'000'000'001; }),
      Complaint([](auto& options) { options.limits.bytes_per_second = -2; }),
      Complaint(
          [](auto& options) { options.limits.connections_per_party = -3; }),
      Complaint([](auto& options) { options.limits.sessions_per_party = -4; }),
      Complaint(
          [](auto& options) { options.limits.streams_per_party = 1'000'001; }),
      Complaint<ListenOptions>([](auto& options) {
        options.max_connection_age = absl::Milliseconds(99);
      }),
      Complaint([](auto& options) { options.tracing.collector = "here"; }),
      Complaint([](auto& options) { options.tracing.collector = "[::1]:0"; }),
      Complaint([](auto& options) { options.tracing.sample = -0.1; }),
      Complaint([](auto& options) { options.tracing.sample = 1.01; }),
      Complaint([](auto& options) { options.tracing.sample = std::nan(""); }),
  };
  const std::pair<const char*, const char*> expected[] = {
      {"workers", "-5"},
      {"io_threads", "65"},
      {"session_io_threads", "-1"},
      {"lane_calls", "0"},
      {"max_message_bytes", "5"},
      {"grace", "-1s"},
      {"listen", "nonsense"},
      {"session_calls", "0"},
      {"session_calls", "1000001"},
      {"session_bytes", "1024"},
      {"stream_bytes", "1023"},
      {"token_issuer", "set"},
      {"token_audience", "set"},
      {"token_issuer", "empty"},
      {"token_algorithms", "none"},
      {"token_algorithms", "EdDSA"},
      {"token_algorithms", "empty"},
      {"token_leeway", "2h"},
      {"token_cache_entries", "0"},
      {"token_checks_per_second", "0"},
      {"token_checks_per_address", "1000001"},
      {"forwarded_identity_from", "spiffe://mesh/gateway"},
      {"lane_streams", "0"},
      {"write_timeout", "9ms"},
      {"max_session_age", "0"},
      {"healthy_share", "-0.5"},
      {"healthy_share", "1.5"},
      {"healthy_share", "nan"},
      {"sample_calls", "-1"},
      {"sample_calls", "1000001"},
      {"keepalive_time", "99ms"},
      {"keepalive_timeout", "2h"},
      {"min_ping_interval", "-1ms"},
      {"min_ping_interval", "2h"},
      {"server_bytes", "16777215"},
      {"trusted_proxies", "10.0.0/8"},
      {"worker_cpus", "3-1"},
      {"max_connections", "0"},
      {"max_connections_per_address", "-1"},
      {"calls_per_second", "-1"},
      {"call_burst", "1000000001"},
      {"bytes_per_second", "-2"},
      {"connections_per_party", "-3"},
      {"sessions_per_party", "-4"},
      {"streams_per_party", "1000001"},
      {"max_connection_age", "99ms"},
      {"trace_collector", "here"},
      {"trace_collector", "[::1]:0"},
      {"trace_sample", "-0.1"},
      {"trace_sample", "1.01"},
      {"trace_sample", "nan"},
  };
  for (size_t i = 0; i < std::size(complaints); ++i) {
    EXPECT_THAT(
        complaints[i],
        AllOf(HasSubstr(expected[i].first), HasSubstr(expected[i].second),
              AnyOf(HasSubstr("valid are"), HasSubstr("valid is")),
              Not(HasSubstr("\n"))));
  }
}

TEST(OptionsTest, TakesTheSocketsOfSystemdByName) {
  ListenOptions options;
  for (const auto& [listen, name] :
       {std::pair("systemd", ""), std::pair("systemd:grpc", "grpc"),
        std::pair("systemd:a b", "a b")}) {
    options.listen = listen;
    EXPECT_TRUE(Validate(options).ok()) << listen;
    EXPECT_EQ(SystemdName(listen), name);
  }
  for (const char* other : {"systemd:", "systemd-grpc", "Systemd", ""}) {
    options.listen = other;
    EXPECT_THAT(std::string(Validate(options).message()),
                AllOf(HasSubstr("valid are"), HasSubstr("and systemd")));
    EXPECT_EQ(SystemdName(other), std::nullopt);
  }
}

TEST(OptionsTest, WantsAPublicAddressToBeAllowedByName) {
  ListenOptions options;
  for (const char* address :
       {"0.0.0.0:1", "[::]:1", "10.1.2.3:1", "example.org:1"}) {
    options.listen = address;
    options.allow_unencrypted_public_traffic = false;
    EXPECT_THAT(std::string(Validate(options).message()),
                HasSubstr("not encrypted"));
    options.allow_unencrypted_public_traffic = true;
    EXPECT_TRUE(Validate(options).ok()) << address;
  }
}

TEST(OptionsTest, SendsSpansUnencryptedToThisMachineOnly) {
  const auto complaint = [](const TracingOptions& tracing) {
    return Complaint([&](auto& options) { options.tracing = tracing; });
  };
  EXPECT_EQ(complaint({.collector = "127.0.0.1:4317"}), "");
  EXPECT_EQ(complaint({.collector = "localhost:4317"}), "");
  EXPECT_EQ(complaint({.collector = "unix:/run/collector"}), "");
  EXPECT_THAT(complaint({.collector = "10.0.0.7:4317"}),
              HasSubstr("trace_allow_unencrypted"));
  EXPECT_EQ(
      complaint({.collector = "10.0.0.7:4317", .allow_unencrypted = true}), "");
  EXPECT_EQ(
      complaint({.collector = "otel.example:4317", .collector_ca = "ca.pem"}),
      "");
  EXPECT_THAT(complaint({.collector_ca = "ca.pem"}),
              HasSubstr("trace_collector is empty"));
}

// A pattern there would match nobody, and look as if it did.
TEST(OptionsTest, WhoForwardsIdentitiesIsNamedAsAWhole) {
  const auto complaint = [](const char* principals) {
    return Complaint(
        [&](auto& options) { options.forwarded_identity_from = principals; });
  };
  EXPECT_EQ(complaint("x509:spiffe://mesh/gateway, x509:proxy.mesh"), "");
  for (const char* wrong :
       {"x509:spiffe://mesh/*", "x509:*", "*", "x509:", "jwt:issuer#gateway",
        "X509:proxy", "x509:*.mesh"}) {
    const std::string both = std::string("x509:spiffe://mesh/a,") + wrong;
    EXPECT_THAT(complaint(both.c_str()),
                AllOf(HasSubstr(std::string("forwarded_identity_from has \"") +
                                wrong + "\""),
                      HasSubstr("whole principals of certificates")));
  }
}

TEST(OptionsTest, AnEncryptedPublicAddressNeedsNoPermission) {
  EXPECT_TRUE(Validate(ListenOptions{.listen = "0.0.0.0:1",
                                     .tls = {.certificate = "a", .key = "b"}})
                  .ok());
}

TEST(OptionsTest, TellsWhatIsMissingForEncryption) {
  const auto complaint = [](TlsOptions tls) {
    return std::string(
        Validate(ListenOptions{.tls = std::move(tls)}).message());
  };
  EXPECT_EQ(complaint({.certificate = "a", .key = "b"}), "");
  EXPECT_EQ(complaint({.certificate = "a",
                       .key = "b",
                       .client_ca = "c",
                       .client_auth = ClientAuth::kOptional,
                       .min_version = TlsVersion::k13}),
            "");
  EXPECT_THAT(complaint({.certificate = "a"}),
              HasSubstr("tls_certificate is \"a\", and tls_key is empty"));
  EXPECT_THAT(complaint({.key = "b"}),
              HasSubstr("tls_key is \"b\", and tls_certificate is empty"));
  EXPECT_THAT(complaint({.client_auth = ClientAuth::kRequired}),
              HasSubstr("client_auth is required, and without "
                        "tls_certificate the server asks no client"));
  EXPECT_THAT(complaint({.certificate = "a",
                         .key = "b",
                         .client_auth = ClientAuth::kOptional}),
              HasSubstr("client_auth is optional, and tls_client_ca is empty"));
  // Whoever names authorities believes that clients are checked.
  EXPECT_THAT(complaint({.certificate = "a", .key = "b", .client_ca = "c"}),
              HasSubstr("tls_client_ca is \"c\", and client_auth is off"));
  EXPECT_THAT(complaint({.min_version = TlsVersion::k13}),
              HasSubstr("tls_min_version is 1.3, and without"));
}

TEST(OptionsTest, NamesOfEncryptionAreWhatFilesHave) {
  for (const char* text : {"off", "optional", "required"}) {
    EXPECT_EQ(ToString(*ParseClientAuth(text)), text);
  }
  for (const char* text : {"1.2", "1.3"}) {
    EXPECT_EQ(ToString(*ParseTlsVersion(text)), text);
  }
  EXPECT_THAT(std::string(ParseClientAuth("on").status().message()),
              HasSubstr("\"on\"; valid are off, optional, required"));
  EXPECT_THAT(std::string(ParseTlsVersion("1.1").status().message()),
              HasSubstr("\"1.1\"; valid are 1.2, 1.3"));
}

TEST(ListenAddressTest, KnowsWhatOnlyThisMachineCanReach) {
  for (const char* local : {"127.0.0.1:0", "127.9.9.9:65535", "[::1]:80",
                            "localhost:80", "unix:/tmp/socket"}) {
    EXPECT_TRUE(IsLocalAddress(local).value()) << local;
  }
  for (const char* other : {"0.0.0.0:0", "[::]:1", "1.127.0.1:1", "host:1"}) {
    EXPECT_FALSE(IsLocalAddress(other).value()) << other;
  }
}

TEST(ListenAddressTest, RefusesWhatIsNoAddress) {
  for (const char* bad :
       {"", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
        "127.0.0.1:-1", "::1:80", "[::1:80", "::1]:80"}) {
    EXPECT_EQ(IsLocalAddress(bad).status().code(),
              absl::StatusCode::kInvalidArgument)
        << bad;
  }
}

TEST(ListenAddressTest, ReplacesThePortAlone) {
  EXPECT_EQ(WithPort("127.0.0.1:0", 7), "127.0.0.1:7");
  EXPECT_EQ(WithPort("[::1]:0", 7), "[::1]:7");
  EXPECT_EQ(WithPort("unix:/tmp/socket", 1), "unix:/tmp/socket");
}

}  // namespace
}  // namespace pinion
