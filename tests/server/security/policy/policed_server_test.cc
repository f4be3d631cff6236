// SPDX-License-Identifier: Apache-2.0
//
// A server with a policy and with limits of parties, called in-process and over
// TCP by clients that have proven nothing.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "pinion/server/hosting.h"
#include "pinion/server/log.h"
#include "pinion/server/options.h"
#include "pinion/server/server.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/server/session/session_fixture.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/reflection_client.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Add;
using ::pinion::testing::AddOf;
using ::pinion::testing::ExpectAdded;
using ::pinion::testing::ExpectFailed;
using ::pinion::testing::kAdd;
using ::pinion::testing::kHold;
using ::pinion::testing::ListServices;
using ::pinion::testing::Message;
using ::pinion::testing::OpenCall;
using ::pinion::testing::ReflectionClient;
using ::pinion::testing::SessionClient;
using ::pinion::testing::SessionTest;
using ::pinion::testing::TransportName;

constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";

// One allow rule, "one", with these conditions.
std::string Allow(absl::string_view conditions) {
  return absl::StrCat("name: p\nallow_rules:\n  - name: one\n", conditions);
}

std::string AllowPath(absl::string_view path) {
  return Allow(absl::StrCat("    request: {paths: [\"", path, "\"]}\n"));
}

class PolicedServerTest : public SessionTest {
 protected:
  // A file with that policy.
  static std::string Write(absl::string_view policy) {
    static int files = 0;
    const std::string path =
        absl::StrCat(::testing::TempDir(), "/policy", ++files);
    Rewrite(path, policy);
    return path;
  }
  static void Rewrite(const std::string& path, absl::string_view policy) {
    std::ofstream(path) << policy;
  }

  void StartWith(PolicyOptions policy, PartyLimitOptions limits = {}) {
    options_ = {.workers = 1, .limits = limits, .policy = std::move(policy)};
    gate_.Open();  // No Add waits.
    Start(options_);
  }
  void StartWithPolicy(absl::string_view policy, bool dry_run = false) {
    StartWith({.policy_file = Write(policy), .policy_dry_run = dry_run});
  }
  absl::Status Reload() {
    return server().Reload({.listen = "127.0.0.1:0"}, options_);
  }

  absl::Status Call(
      const std::string& method, const std::string& request,
      std::vector<std::pair<std::string, std::string>> metadata = {}) {
    OpenCall call(channel(), method, request,
                  {.metadata = std::move(metadata)});
    return call.Await();
  }
  absl::Status CallAdd() { return Call(kAdd, AddOf("a")); }

  static void ExpectDenied(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
    EXPECT_EQ(status.message(), "this client may not make this call");
  }

  // How often the rule decided.
  uint64_t Decided(absl::string_view rule) {
    const auto policy = server().Snapshot().policy;
    if (!policy.has_value()) return 0;
    for (const auto& known : policy->rules) {
      if (known.name == rule) return known.calls;
    }
    return policy->matched_none;
  }

  HostingOptions options_;
};

INSTANTIATE_TEST_SUITE_P(, PolicedServerTest, ::testing::Bool(), TransportName);

TEST_P(PolicedServerTest, APlainCallIsJudgedByItsPath) {
  StartWithPolicy(AllowPath(kAdd));
  EXPECT_TRUE(CallAdd().ok());
  ExpectDenied(Call(kHold, ""));
  EXPECT_EQ(Decided("one"), 1u);
  EXPECT_EQ(Decided("none"), 1u);
}

TEST_P(PolicedServerTest, ADeniedCallSaysThatItDidNotRunAndNoMore) {
  StartWithPolicy(AllowPath(kAdd));
  OpenCall call(channel(), kHold, "");
  ExpectDenied(call.Await());
  EXPECT_EQ(call.failure().reason(), v1::REASON_NOT_ALLOWED);
  EXPECT_EQ(call.failure().executed(), v1::EXECUTED_NO);
  EXPECT_EQ(call.failure().retry_after_us(), 0u);
}

// Otherwise a stranger could find out which methods there are.
TEST_P(PolicedServerTest, AMethodThatDoesNotExistIsDeniedLikeOneThatDoes) {
  StartWithPolicy(AllowPath(kAdd));
  ExpectDenied(Call("/no.such.Service/Method", ""));
  SessionClient session(channel());
  v1::SessionCall call = Add(1);
  call.set_method("/no.such.Service/Method");
  session.Send(Message({call}));
  ExpectFailed(session.Await(1), absl::StatusCode::kPermissionDenied,
               v1::REASON_NOT_ALLOWED, v1::EXECUTED_NO);
}

TEST_P(PolicedServerTest, AnAllowedMethodThatDoesNotExistIsUnimplemented) {
  StartWithPolicy(Allow(""));
  EXPECT_EQ(Call("/no.such.Service/Method", "").code(),
            absl::StatusCode::kUnimplemented);
}

TEST_P(PolicedServerTest, EachCallWithinASessionIsJudgedByItsOwnPath) {
  StartWithPolicy(AllowPath(kAdd));
  SessionClient session(channel());
  v1::SessionCall hold = Add(2);
  hold.set_method(kHold);
  session.Send(Message({Add(1), hold, Add(3)}));
  ExpectAdded(session.Await(1));
  const v1::SessionAnswer denied = session.Await(2);
  ExpectFailed(denied, absl::StatusCode::kPermissionDenied,
               v1::REASON_NOT_ALLOWED, v1::EXECUTED_NO);
  EXPECT_EQ(denied.message(), "this client may not make this call");
  ExpectAdded(session.Await(3));
  EXPECT_EQ(Decided("one"), 2u);
  EXPECT_EQ(Decided("none"), 1u);
}

TEST_P(PolicedServerTest, ASessionNeedsAPrincipalIfEachCallDoes) {
  StartWithPolicy(Allow("    source: {principals: [\"*\"]}\n"));
  SessionClient session(channel());
  const absl::Status end = session.AwaitEnd();
  EXPECT_EQ(end.code(), absl::StatusCode::kPermissionDenied) << end;
  ExpectDenied(CallAdd());
}

// At the start, and at each reload.
TEST_P(PolicedServerTest, TheLogTellsOfPathsThatNoMethodHas) {
  struct Told {
    std::mutex mutex;
    std::vector<std::string> lines;
  };
  // The server's last lines come after this test's end.
  const auto told = std::make_shared<Told>();
  const std::string file = Write(AllowPath("/no.such.Service/Method"));
  options_.workers = 1;
  options_.policy.policy_file = file;
  options_.log_format = LogFormat::kJson;
  options_.log = [told](absl::string_view line) {
    if (!absl::StrContains(line, "policy_path_unknown")) return;
    const std::lock_guard lock(told->mutex);
    told->lines.emplace_back(line);
  };
  const auto take_lines = [&] {
    EXPECT_TRUE(server().hosting().FlushLog(absl::Minutes(5)));
    const std::lock_guard lock(told->mutex);
    return std::exchange(told->lines, {});
  };
  const auto expect_line = [&] {
    const std::vector<std::string> lines = take_lines();
    ASSERT_EQ(lines.size(), 1u);
    for (const std::string& part :
         {std::string("\"level\":\"warning\",\"area\":\"security\","
                      "\"event\":\"policy_path_unknown\""),
          absl::StrCat(file, ":3:5: the rule"),
          std::string("/no.such.Service/Method")}) {
      EXPECT_TRUE(absl::StrContains(lines[0], part)) << lines[0];
    }
  };
  Start(options_);
  expect_line();
  Rewrite(file, AllowPath(kAdd));
  ASSERT_TRUE(Reload().ok());
  EXPECT_TRUE(take_lines().empty());
  Rewrite(file, AllowPath("/no.such.Service/Method"));
  ASSERT_TRUE(Reload().ok());
  expect_line();
}

TEST_P(PolicedServerTest, ARuleSeesTheHeadersOfACall) {
  StartWithPolicy(
      Allow("    request: {headers: [{key: x-zone, values: [main]}]}\n"));
  EXPECT_TRUE(Call(kAdd, AddOf("a"), {{"x-zone", "main"}}).ok());
  ExpectDenied(Call(kAdd, AddOf("a"), {{"x-zone", "test"}}));
  // Two are one value, with a comma between.
  ExpectDenied(Call(kAdd, AddOf("a"), {{"x-zone", "main"}, {"x-zone", "x"}}));
  ExpectDenied(CallAdd());
  SessionClient session(channel());
  v1::SessionCall call = Add(1);
  v1::Metadata* const metadata = call.add_metadata();
  metadata->set_name("x-zone");
  metadata->set_value("main");
  session.Send(Message({call, Add(2)}));
  ExpectAdded(session.Await(1));
  ExpectFailed(session.Await(2), absl::StatusCode::kPermissionDenied,
               v1::REASON_NOT_ALLOWED, v1::EXECUTED_NO);
}

TEST_P(PolicedServerTest, HealthNeedsARuleLikeAllElse) {
  StartWithPolicy(AllowPath(kAdd));
  ExpectDenied(Call(kHealthCheck, ""));
  Rewrite(options_.policy.policy_file, AllowPath("/grpc.health.v1.Health/*"));
  ASSERT_TRUE(Reload().ok());
  EXPECT_TRUE(Call(kHealthCheck, "").ok());
}

TEST_P(PolicedServerTest, ReflectionShowsWhatTheCallerMayCall) {
  StartWithPolicy(Allow(absl::StrCat(
      "    request: {paths: [\"/grpc.reflection.*\", \"", kAdd, "\"]}\n")));
  ReflectionClient client(channel());
  const auto response = client.Ask(ListServices());
  std::vector<std::string> names;
  ASSERT_TRUE(response.has_value());
  for (const auto& service : response->list_services_response().service()) {
    names.push_back(service.name());
  }
  const auto has = [&](absl::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  EXPECT_TRUE(has("shop.v1.CounterService"));
  EXPECT_FALSE(has("pinion.test.HoldService"));
  EXPECT_FALSE(has("grpc.health.v1.Health"));
}

TEST_P(PolicedServerTest, ReflectionNeedsARule) {
  StartWithPolicy(AllowPath(kAdd));
  ReflectionClient client(channel());
  EXPECT_EQ(client.Finish().code(), absl::StatusCode::kPermissionDenied);
}

TEST_P(PolicedServerTest, ADryRunCountsAndLetsIn) {
  StartWithPolicy(AllowPath(kHealthCheck), /*dry_run=*/true);
  EXPECT_TRUE(CallAdd().ok());
  SessionClient session(channel());
  session.Send(Message({Add(1)}));
  ExpectAdded(session.Await(1));
  EXPECT_EQ(Decided("none"), 2u);
  EXPECT_TRUE(server().Snapshot().policy->dry_run);
}

TEST_P(PolicedServerTest, AReloadJudgesTheNextCallOfAnOpenSession) {
  StartWithPolicy(AllowPath(kAdd));
  SessionClient session(channel());
  session.Send(Message({Add(1)}));
  ExpectAdded(session.Await(1));
  Rewrite(options_.policy.policy_file, AllowPath(kHold));
  ASSERT_TRUE(Reload().ok());
  session.Send(Message({Add(2)}));
  ExpectFailed(session.Await(2), absl::StatusCode::kPermissionDenied,
               v1::REASON_NOT_ALLOWED, v1::EXECUTED_NO);
  ExpectDenied(CallAdd());
}

TEST_P(PolicedServerTest, AReloadEndsTheSessionOfAStranger) {
  StartWithPolicy(AllowPath(kAdd));
  SessionClient session(channel());
  session.Send(Message({Add(1)}));
  ExpectAdded(session.Await(1));
  Rewrite(options_.policy.policy_file,
          Allow("    source: {principals: [\"*\"]}\n"));
  ASSERT_TRUE(Reload().ok());
  EXPECT_EQ(session.AwaitEnd().code(), absl::StatusCode::kPermissionDenied);
}

TEST_P(PolicedServerTest, AReloadWithAMistakeChangesNothing) {
  StartWithPolicy(AllowPath(kAdd));
  Rewrite(options_.policy.policy_file, "name: p\nallow_rule: []\n");
  options_.default_timeout = absl::Seconds(1);
  const absl::Status status = Reload();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(status.message(), ":2:1: \"allow_rule\" is"))
      << status;
  EXPECT_TRUE(CallAdd().ok());
  ExpectDenied(Call(kHold, ""));
}

TEST_P(PolicedServerTest, AReloadCanBringAPolicyAndTakeItAway) {
  StartWith({});
  EXPECT_TRUE(CallAdd().ok());
  options_.policy.policy_file = Write(AllowPath(kHold));
  ASSERT_TRUE(Reload().ok());
  ExpectDenied(CallAdd());
  options_.policy.policy_file = "";
  ASSERT_TRUE(Reload().ok());
  EXPECT_TRUE(CallAdd().ok());
}

TEST_P(PolicedServerTest, DeniedCallsAreCountedWithTheirMethod) {
  StartWithPolicy(AllowPath(kHold));
  ExpectDenied(CallAdd());
  SessionClient session(channel());
  session.Send(Message({Add(1), Add(2)}));
  session.Await(1);
  session.Await(2);
  uint64_t denied = 0;
  for (const MethodSnapshot& method : server().Snapshot().methods) {
    if (method.method == kAdd) {
      denied = method.counts.refused[v1::REASON_NOT_ALLOWED];
    }
  }
  EXPECT_EQ(denied, 3u);
}

TEST(PolicedServerStartTest, APolicyWithAMistakeStopsTheStart) {
  const std::string path =
      absl::StrCat(::testing::TempDir(), "/policy_with_a_mistake");
  std::ofstream(path) << "name: p\nallow_rules: []\n";
  Server server({.listen = "127.0.0.1:0"},
                {.workers = 1, .policy = {.policy_file = path}});
  const testing::AddShard::Handler handler;
  testing::HostAdd(server, handler);
  const absl::Status status = server.Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(status.message(),
                                absl::StrCat("policy_file: ", path, ":2:14")))
      << status;
}

// Over TCP only: a client in the process cannot be told from others.
class LimitedServerTest : public PolicedServerTest {};

INSTANTIATE_TEST_SUITE_P(, LimitedServerTest, ::testing::Values(true),
                         TransportName);

TEST_P(LimitedServerTest, CallsBeyondTheRateSayWhenToRetry) {
  // They come at one moment.
  StartWith({}, {.calls_per_second = 1, .call_burst = 3});
  SessionClient session(channel());
  session.Send(Message({Add(1), Add(2), Add(3), Add(4)}));
  for (int id = 1; id <= 3; ++id) ExpectAdded(session.Await(id));
  const v1::SessionAnswer refused = session.Await(4);
  ExpectFailed(refused, absl::StatusCode::kResourceExhausted,
               v1::REASON_RATE_LIMITED, v1::EXECUTED_NO);
  EXPECT_GT(refused.failure().retry_after_us(), 0u);
  EXPECT_LE(refused.failure().retry_after_us(), 1'000'000u);
  EXPECT_GE(server().Snapshot().limits.calls, 1u);
}

TEST_P(LimitedServerTest, BytesBeyondTheRateAreRefused) {
  StartWith({}, {.bytes_per_second = 1});
  OpenCall large(channel(), kAdd, AddOf(std::string(1000, 'a')));
  EXPECT_TRUE(large.Await().ok())
      << "the first is let in, and owes the rest: " << large.Await();
  OpenCall small(channel(), kAdd, AddOf("a"));
  EXPECT_EQ(small.Await().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(small.failure().reason(), v1::REASON_RATE_LIMITED);
}

TEST_P(LimitedServerTest, SessionsBeyondTheBoundEnd) {
  StartWith({}, {.sessions_per_party = 1});
  SessionClient first(channel());
  first.Send(Message({Add(1)}));
  ExpectAdded(first.Await(1));
  SessionClient second(channel());
  EXPECT_EQ(second.AwaitEnd().code(), absl::StatusCode::kResourceExhausted);
  first.EndSends();
  EXPECT_TRUE(first.AwaitEnd().ok());
}

TEST_P(LimitedServerTest, LimitsHoldForOpenSessionsAfterAReload) {
  StartWith({});
  SessionClient session(channel());
  session.Send(Message({Add(1), Add(2)}));
  ExpectAdded(session.Await(1));
  ExpectAdded(session.Await(2));
  options_.limits = {.calls_per_second = 1};
  ASSERT_TRUE(Reload().ok());
  session.Send(Message({Add(3), Add(4)}));
  ExpectAdded(session.Await(3));
  ExpectFailed(session.Await(4), absl::StatusCode::kResourceExhausted,
               v1::REASON_RATE_LIMITED, v1::EXECUTED_NO);
}

}  // namespace
}  // namespace pinion
