// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/options.h"

#include <cmath>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/listener/listen_address.h"

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
      Complaint([](auto& options) { options.lane_streams = 0; }),
      Complaint(
          [](auto& options) { options.write_timeout = absl::Milliseconds(9); }),
      Complaint([](auto& options) {
        options.max_session_age = absl::ZeroDuration();
      }),
      Complaint([](auto& options) { options.healthy_share = -0.5; }),
      Complaint([](auto& options) { options.healthy_share = 1.5; }),
      Complaint([](auto& options) { options.healthy_share = std::nan(""); }),
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
      Complaint<ListenOptions>(
          [](auto& options) { options.max_connections = 0; }),
      Complaint<ListenOptions>(
          [](auto& options) { options.max_connections_per_address = -1; }),
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
      {"lane_streams", "0"},
      {"write_timeout", "9ms"},
      {"max_session_age", "0"},
      {"healthy_share", "-0.5"},
      {"healthy_share", "1.5"},
      {"healthy_share", "nan"},
      {"keepalive_time", "99ms"},
      {"keepalive_timeout", "2h"},
      {"min_ping_interval", "-1ms"},
      {"min_ping_interval", "2h"},
      {"server_bytes", "16777215"},
      {"trusted_proxies", "10.0.0/8"},
      {"max_connections", "0"},
      {"max_connections_per_address", "-1"},
  };
  for (size_t i = 0; i < std::size(complaints); ++i) {
    EXPECT_THAT(
        complaints[i],
        AllOf(HasSubstr(expected[i].first), HasSubstr(expected[i].second),
              AnyOf(HasSubstr("valid are"), HasSubstr("valid is")),
              Not(HasSubstr("\n"))));
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
