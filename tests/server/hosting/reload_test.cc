// SPDX-License-Identifier: Apache-2.0
//
// Options that change while a server runs: what of them holds from then on, and
// what is refused as a whole; in-process and over TCP.
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/health.h"
#include "pinion/server/hosting/needs_restart.h"
#include "pinion/server/options.h"
#include "pinion/server/server.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/tests/support/test_server.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::HostAdd;
using ::pinion::testing::kAdd;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::SessionClient;
using ::pinion::testing::TestServer;
using ::pinion::testing::TransportName;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kTimeout = absl::Minutes(5);

class ReloadTest : public LaneTest {
 protected:
  // Reloads the options with which the test's server was made, but for those
  // that `change` changes.
  template <typename Change>
  absl::Status Reload(const Change& change) {
    HostingOptions wanted = made_with_;
    change(wanted);
    return server().Reload({.listen = "127.0.0.1:0"}, wanted);
  }

  // Opens a call that waits, lets `timeout` pass, and returns whether it has
  // expired then.
  bool ACallExpiresWithin(absl::Duration timeout) {
    const uint64_t expired = Lane().counts.expired;
    const uint64_t waiting = Lane().counts.waiting;
    waiting_.push_back(std::make_unique<OpenCall>(channel(), kAdd, AddOf("a")));
    manual().AwaitWaiting(static_cast<int>(waiting) + 1);
    manual().time().Advance(absl::ToChronoNanoseconds(timeout) +
                            std::chrono::seconds(1));
    manual().ExpireDue();
    return Lane().counts.expired > expired;
  }
  void StartManually() {
    made_with_ = {.workers = 1};
    StartManual(made_with_);
  }

  HostingOptions made_with_;
  std::vector<std::unique_ptr<OpenCall>> waiting_;
};

INSTANTIATE_TEST_SUITE_P(, ReloadTest, ::testing::Bool(), TransportName);

TEST_P(ReloadTest, CallsThatComeLaterHaveTheNewDefaultTimeout) {
  StartManually();
  EXPECT_FALSE(ACallExpiresWithin(kTimeout));
  const absl::Status reloaded =
      Reload([](auto& options) { options.default_timeout = kTimeout; });
  ASSERT_TRUE(reloaded.ok()) << reloaded;
  EXPECT_TRUE(ACallExpiresWithin(kTimeout));
  ASSERT_TRUE(Reload([](auto&) {}).ok());
  EXPECT_FALSE(ACallExpiresWithin(kTimeout));
  gate_.Open();
  manual().RunUntilIdle();
}

TEST_P(ReloadTest, NamesAllThatNeedsARestartAndChangesNothing) {
  StartManually();
  HostingOptions wanted = made_with_;
  wanted.default_timeout = kTimeout;
  wanted.server_calls = 7;
  wanted.key_seed = 7;
  const absl::Status refused =
      server().Reload({.listen = "127.0.0.1:1"}, wanted);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(refused.message(),
            "listen, server_calls, key_seed differ and need a restart");
  EXPECT_FALSE(ACallExpiresWithin(kTimeout));
  gate_.Open();
  manual().RunUntilIdle();
}

TEST_P(ReloadTest, TellsAMistakeAndChangesNothing) {
  StartManually();
  const absl::Status refused = Reload([](auto& options) {
    options.default_timeout = kTimeout;
    options.stall_after = absl::ZeroDuration();
  });
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("stall_after is 0"));
  HostingOptions wanted = made_with_;
  wanted.default_timeout = kTimeout;
  const absl::Status listener =
      server().Reload({.listen = "127.0.0.1:0", .max_connections = 0}, wanted);
  EXPECT_THAT(std::string(listener.message()),
              HasSubstr("max_connections is 0"));
  EXPECT_FALSE(ACallExpiresWithin(kTimeout));
  gate_.Open();
  manual().RunUntilIdle();
}

TEST_P(ReloadTest, WhatTheServerHasChosenItselfIsNoChange) {
  gate_.Open();
  Start({});
  const absl::Status reloaded = Reload([](auto&) {});
  EXPECT_TRUE(reloaded.ok()) << reloaded;
  EXPECT_GT(server().hosting().options().io_threads, 0);
  const absl::Status refused = Reload([this](auto& options) {
    options.io_threads = 1 + server().io_threads();
  });
  EXPECT_THAT(std::string(refused.message()), HasSubstr("io_threads"));
}

TEST_P(ReloadTest, HealthFollowsTheNewShareAtOnce) {
  gate_.Open();
  Start({.workers = 2});
  made_with_.workers = 2;
  server().health().SetStalled(0, true);
  EXPECT_EQ(server().health().Of(""), HealthStatus::kServing);
  ASSERT_TRUE(Reload([](auto& options) { options.healthy_share = 1; }).ok());
  EXPECT_EQ(server().health().Of(""), HealthStatus::kNotServing);
  ASSERT_TRUE(Reload([](auto&) {}).ok());
  EXPECT_EQ(server().health().Of(""), HealthStatus::kServing);
}

TEST_P(ReloadTest, AStopHasTheNewTimes) {
  made_with_ = {.workers = 1, .grace = absl::ZeroDuration()};
  Start(made_with_);
  SessionClient session(channel());
  OpenCall held(channel(), kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  ASSERT_TRUE(Reload([](auto& options) {
                options.lame_duck = absl::Minutes(1);
                options.grace = absl::Minutes(2);
              }).ok());
  std::thread stopper([&] { server().Drain(); });
  EXPECT_EQ(session.AwaitDrain().grace_us(), 180'000'000u);
  // Without the lame duck it would be refused, and without the grace `held`
  // would be cut off.
  OpenCall late(channel(), kAdd, AddOf("a"));
  AwaitWaiting(1);
  gate_.Open();
  EXPECT_TRUE(held.Await().ok()) << held.Await();
  EXPECT_TRUE(late.Await().ok()) << late.Await();
  server().HurryStop();
  stopper.join();
}

TEST(ReloadServerTest, IsRefusedBeforeTheStartAndAfterTheStop) {
  Server server({.listen = "127.0.0.1:0"}, {.workers = 1});
  HostAdd(server, [](auto&, auto*, auto&) { return absl::OkStatus(); });
  const ListenOptions listen = {.listen = "127.0.0.1:0"};
  EXPECT_THAT(std::string(server.Reload(listen, {.workers = 1}).message()),
              HasSubstr("does not serve"));
  ASSERT_TRUE(server.Start().ok());
  EXPECT_TRUE(server.Reload(listen, {.workers = 1}).ok());
  ASSERT_TRUE(server.Stop().ok());
  EXPECT_EQ(server.Reload(listen, {.workers = 1}).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(ReloadServerTest, MoreConnectionsAreAcceptedOnceTheyMayBe) {
  ListenOptions listen = {.max_connections = 1};
  TestServer test({.workers = 1}, listen);
  HostAdd(test.server(), [](auto&, auto*, auto&) { return absl::OkStatus(); });
  test.Start();
  const auto channel = test.TcpChannel();
  OpenCall first(channel, kAdd, AddOf("a"));
  ASSERT_TRUE(first.Await().ok()) << first.Await();
  const auto refused_channel = test.TcpChannel();
  OpenCall refused(refused_channel, kAdd, AddOf("a"));
  EXPECT_EQ(refused.Await().code(), absl::StatusCode::kUnavailable);

  listen.listen = "127.0.0.1:0";
  listen.max_connections = 2;
  const absl::Status reloaded = test.server().Reload(listen, {.workers = 1});
  ASSERT_TRUE(reloaded.ok()) << reloaded;
  const auto another_channel = test.TcpChannel();
  OpenCall another(another_channel, kAdd, AddOf("a"));
  EXPECT_TRUE(another.Await().ok()) << another.Await();
}

TEST(NeedsRestartTest, NamesWhatDiffersAndNothingElse) {
  EXPECT_TRUE(NeedsRestart(HostingOptions(), HostingOptions()).empty());
  EXPECT_TRUE(NeedsRestart(ListenOptions(), ListenOptions()).empty());
  EXPECT_THAT(NeedsRestart(HostingOptions(), {.worker_cpus = "1",
                                              .session_calls = 3,
                                              .max_session_age = absl::Hours(1),
                                              .default_timeout = absl::Hours(1),
                                              .stall_after = absl::Seconds(2),
                                              .healthy_share = 1,
                                              .lame_duck = absl::Seconds(3),
                                              .grace = absl::Seconds(4)}),
              ElementsAre("worker_cpus", "session_calls"));
  EXPECT_THAT(
      NeedsRestart(ListenOptions(), {.max_connections = 3,
                                     .max_connections_per_address = 2,
                                     .min_ping_interval = absl::Seconds(1)}),
      ElementsAre("min_ping_interval"));
}

TEST(NeedsRestartTest, TheSampleOfTracesMayChangeAndTheirCollectorNot) {
  EXPECT_TRUE(
      NeedsRestart(HostingOptions(), {.tracing = {.sample = 0.5}}).empty());
  EXPECT_THAT(NeedsRestart(HostingOptions(),
                           {.tracing = {.collector = "127.0.0.1:4317"}}),
              ElementsAre(::testing::HasSubstr("trace_collector, ")));
}

TEST(NeedsRestartTest, SpeaksOfOneAndOfMany) {
  EXPECT_TRUE(RestartError({}).ok());
  EXPECT_EQ(RestartError({"workers"}).message(),
            "workers differs and needs a restart");
  EXPECT_THAT(std::string(RestartError({"a", "b"}).message()),
              AllOf(HasSubstr("a, b differ and need"), Not(HasSubstr("\n"))));
}

}  // namespace
}  // namespace pinion
