// SPDX-License-Identifier: Apache-2.0
//
// Settings that change while a server runs: what of them holds from then on,
// what is refused, what the log tells, and what a reload leaves of it.
#include "pinion/server/hosting/live_settings.h"

#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/hosting.h"
#include "pinion/server/hosting/hosting_for_admin.h"
#include "pinion/server/log.h"
#include "pinion/server/options.h"
#include "pinion/server/server.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/test_server.h"

namespace pinion {
namespace {

using ::pinion::internal::HostingForAdmin;
using ::pinion::testing::AddOf;
using ::pinion::testing::HostAdd;
using ::pinion::testing::kAdd;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::TestServer;
using ::pinion::testing::TransportName;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

constexpr char kWho[] = "uid 1000";

// A valid value that is no default, and a text that is no value or out of
// range, with a part of the error.
struct Row {
  const char* name;
  const char* value;
  const char* bad;
  const char* error;
};
constexpr Row kRows[] = {
    {"max_connections", "17", "0", "valid are 1 to 1000000"},
    {"max_connections_per_address", "5", "-1", "valid are 0 to 1000000"},
    {"lane_calls", "77", "many", "\"many\" is no whole number"},
    {"lane_bytes", "5MiB", "4097", "lane_bytes is 4097"},
    {"max_session_age", "1h", "0s", "is out of range"},
    {"default_timeout", "250ms", "250", "is no duration without a unit"},
    {"calls_per_second", "1000", "1.5", "is no whole number"},
    {"call_burst", "20", "-3", "is out of range"},
    {"bytes_per_second", "1MiB", "1MB", "\"1MB\""},
    {"connections_per_party", "9", "1000001", "is out of range"},
    {"sessions_per_party", "9", "x", "is no whole number"},
    {"streams_per_party", "9", "", "is no whole number"},
    {"stall_after", "250ms", "1ms", "valid are 10ms to 1h"},
    {"stall_stacks", "false", "no", "is neither true nor false"},
    {"healthy_share", "0.5", "1.5", "valid are 0 to 1"},
    {"lame_duck", "3s", "2h", "valid are 0s to 1h"},
    {"grace", "20s", "soon", "\"soon\""},
    {"log_format", "json", "xml", "valid are"},
    {"log_level", "debug", "Debug", "is unknown; valid are debug"},
    {"log_keys", "true", "yes", "is neither true nor false"},
    {"sample_calls", "7", "-1", "valid are 0 to 1000000"},
    {"show_keys", "true", "1", "is neither true nor false"},
    {"trace_sample", "0.5", "2", "is out of range"},
    {"policy_dry_run", "true", "no", "is neither true nor false"},
};

class LiveSettingsTest : public LaneTest {
 protected:
  void StartManually(HostingOptions options = {.workers = 1}) {
    made_with_ = options;
    // The server outlives the members of the test.
    options.log = [log = log_](absl::string_view line) {
      std::unique_lock lock(log->mutex);
      log->lines.emplace_back(line);
    };
    StartManual(std::move(options));
  }
  LiveSettings& settings() {
    return HostingForAdmin::Settings(server().hosting());
  }
  absl::Status Set(absl::string_view name, absl::string_view value) {
    return settings().Set(name, value, kWho).status();
  }
  // Reloads the options that the server was made with.
  absl::Status Reload() {
    return server().Reload({.listen = "127.0.0.1:0"}, made_with_);
  }
  admin::v1::Setting Get(absl::string_view name) {
    const admin::v1::GetSettingsResponse all = settings().Get();
    for (const admin::v1::Setting& setting : all.settings()) {
      if (setting.name() == name) return setting;
    }
    ADD_FAILURE() << "there is no " << name;
    return {};
  }
  // Whether a call is let in.
  bool Enters() {
    const uint64_t waiting = Lane().counts.waiting;
    const uint64_t refused = Lane().counts.refusals();
    open_.push_back(std::make_unique<OpenCall>(channel(), kAdd, AddOf("a")));
    AwaitLane(
        [&](const auto& lane) {
          return lane.counts.waiting + lane.counts.refusals() >
                 waiting + refused;
        },
        true);
    return Lane().counts.waiting > waiting;
  }

  // The lines since the last look.
  std::vector<std::string> Lines() {
    std::unique_lock lock(log_->mutex);
    return std::exchange(log_->lines, {});
  }

  struct Log {
    std::mutex mutex;
    std::vector<std::string> lines;
  };
  const std::shared_ptr<Log> log_ = std::make_shared<Log>();
  HostingOptions made_with_;
  std::vector<std::unique_ptr<OpenCall>> open_;
};

INSTANTIATE_TEST_SUITE_P(, LiveSettingsTest, ::testing::Bool(), TransportName);

TEST_P(LiveSettingsTest, EachThatMayChangeHasARowHere) {
  std::vector<std::string> names;
  for (const Row& row : kRows) names.push_back(row.name);
  EXPECT_THAT(LiveSettings::Changeable(), UnorderedElementsAreArray(names));
}

TEST(LiveSettingsPageTest, DocsObservingHasARowForEach) {
  std::ifstream page("docs/observing.md");
  ASSERT_TRUE(page.good());
  std::vector<std::string> names;
  bool in_section = false;
  for (std::string line; std::getline(page, line);) {
    if (absl::StartsWith(line, "## ")) {
      in_section = line == "## What may be changed while it runs?";
    }
    if (in_section && absl::StartsWith(line, "| `")) {
      names.push_back(line.substr(3, line.find('`', 3) - 3));
    }
  }
  EXPECT_THAT(names, UnorderedElementsAreArray(LiveSettings::Changeable()));
}

TEST_P(LiveSettingsTest, EachTakesAValueUntilAReload) {
  StartManually();
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.name);
    const admin::v1::Setting before = Get(row.name);
    EXPECT_TRUE(before.can_change());
    EXPECT_TRUE(before.reloads());
    EXPECT_EQ(before.origin(), admin::v1::ORIGIN_UNSPECIFIED);
    EXPECT_NE(before.value(), row.value);
    const auto set = settings().Set(row.name, row.value, kWho);
    ASSERT_TRUE(set.ok()) << set.status();
    EXPECT_EQ(set->old_value(), before.value());
    EXPECT_EQ(set->new_value(), row.value);
    EXPECT_EQ(Get(row.name).value(), row.value);
    EXPECT_EQ(Get(row.name).origin(), admin::v1::ORIGIN_RUN_TIME);
    EXPECT_THAT(Lines(), Contains(HasSubstr(absl::StrCat(
                             row.name, " ", before.value(), " -> ", row.value,
                             ", changed at run time by uid 1000"))));
    const absl::Status reloaded = Reload();
    ASSERT_TRUE(reloaded.ok()) << reloaded;
    EXPECT_EQ(Get(row.name).value(), before.value());
    EXPECT_EQ(Get(row.name).origin(), admin::v1::ORIGIN_UNSPECIFIED);
    EXPECT_THAT(Lines(), Contains(HasSubstr(absl::StrCat(
                             "run-time changes are gone: ", row.name, " ",
                             row.value, " -> ", before.value()))));
  }
}

TEST_P(LiveSettingsTest,
       ABadValueIsRefusedInTheWordsOfTheFileAndChangesNothing) {
  StartManually();
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.name);
    const std::string before = Get(row.name).value();
    const absl::Status refused = Set(row.name, row.bad);
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(refused.message()), HasSubstr(row.name));
    EXPECT_THAT(std::string(refused.message()), HasSubstr(row.error));
    EXPECT_EQ(Get(row.name).value(), before);
    EXPECT_EQ(Get(row.name).origin(), admin::v1::ORIGIN_UNSPECIFIED);
  }
  EXPECT_THAT(Lines(), Not(Contains(HasSubstr("changed at run time"))));
}

TEST_P(LiveSettingsTest, WhatCannotChangeSaysWhy) {
  StartManually();
  const auto refusal = [&](absl::string_view name) {
    const absl::Status refused = Set(name, "1");
    return absl::StrCat(absl::StatusCodeToString(refused.code()), ": ",
                        refused.message());
  };
  EXPECT_EQ(refusal("workers"), "FAILED_PRECONDITION: workers needs a restart");
  EXPECT_EQ(refusal("policy_file"),
            "FAILED_PRECONDITION: policy_file may change with the program's "
            "file, by a reload (SIGHUP)");
  EXPECT_EQ(refusal("lane_cals"),
            "NOT_FOUND: \"lane_cals\" is no setting; did you mean lane_calls?");
  // Whatever the name is, in the order of the page.
  for (const char* name : {"zzzzzzzz", "verbosity"}) {
    EXPECT_THAT(refusal(name),
                HasSubstr(absl::StrCat(
                    "is no setting; those that may change at run time are ",
                    absl::StrJoin(LiveSettings::Changeable(), ", "))));
  }
  EXPECT_THAT(refusal("a\nb"), HasSubstr("\"a\\nb\" is no setting"));
  const admin::v1::GetSettingsResponse all = settings().Get();
  for (const admin::v1::Setting& setting : all.settings()) {
    if (setting.can_change()) continue;
    EXPECT_EQ(Set(setting.name(), "1").code(),
              absl::StatusCode::kFailedPrecondition)
        << setting.name();
    EXPECT_EQ(setting.reloads(), setting.name() == "policy_file")
        << setting.name();
  }
}

TEST_P(LiveSettingsTest, TheNameMayBeThatOfAFile) {
  StartManually();
  EXPECT_TRUE(Set("stop.grace", "7s").ok());
  EXPECT_EQ(Get("grace").value(), "7s");
}

TEST_P(LiveSettingsTest, ALaneKeepsWhatItHoldsWhenItsBoundIsLowered) {
  // Behind a proxy, so that the client has no share of its own.
  StartManually(
      {.workers = 1, .lane_calls = 3, .trusted_proxies = "127.0.0.0/8, ::1"});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Enters());
  EXPECT_FALSE(Enters());
  ASSERT_TRUE(Set("lane_calls", "5").ok());  // More than it was made with.
  EXPECT_TRUE(Enters());
  ASSERT_TRUE(Set("lane_calls", "1").ok());
  EXPECT_FALSE(Enters());
  EXPECT_THAT(
      std::string(open_.back()->Await().message()),
      HasSubstr("already holds 4 calls of shop.v1.CounterService, of at "
                "most 1;"));
  EXPECT_EQ(Lane().counts.waiting, 4u);
  gate_.Open();
  manual().RunUntilIdle();
  EXPECT_EQ(Lane().counts.ok, 4u);
  EXPECT_TRUE(Enters());
  EXPECT_FALSE(Enters());
  ASSERT_TRUE(Reload().ok());
  EXPECT_TRUE(Enters());
  manual().RunUntilIdle();
}

TEST_P(LiveSettingsTest, EachOfTwoChangesHolds) {
  StartManually();
  ASSERT_TRUE(Set("log_level", "debug").ok());
  ASSERT_TRUE(Set("stall_after", "2s").ok());
  EXPECT_EQ(server().hosting().log_settings().level, LogLevel::kDebug);
  EXPECT_EQ(Get("log_level").value(), "debug");
  // Nor is undone what the program itself has changed.
  server().hosting().SetLog({.level = LogLevel::kWarning});
  ASSERT_TRUE(Set("stall_after", "3s").ok());
  EXPECT_EQ(server().hosting().log_settings().level, LogLevel::kWarning);
  EXPECT_EQ(Get("log_level").value(), "warning");
}

TEST_P(LiveSettingsTest, EachChangeIsToldWhateverTheLevelIs) {
  StartManually();
  const auto told = [](absl::string_view change) {
    return Contains(
        HasSubstr(absl::StrCat(change, ", changed at run time by ", kWho)));
  };
  ASSERT_TRUE(Set("log_level", "error").ok());
  EXPECT_THAT(Lines(), told("log_level info -> error"));
  ASSERT_TRUE(Set("show_keys", "true").ok());
  EXPECT_THAT(Lines(), told("show_keys false -> true"));
  ASSERT_TRUE(Set("log_level", "warning").ok());
  EXPECT_THAT(Lines(), told("log_level error -> warning"));
  // So is what a reload takes back.
  ASSERT_TRUE(Reload().ok());
  EXPECT_THAT(Lines(), Contains(HasSubstr("show_keys true -> false")));
}

TEST_P(LiveSettingsTest, AReloadThatFailsLeavesWhatWasChanged) {
  StartManually();
  ASSERT_TRUE(Set("grace", "7s").ok());
  made_with_.stall_after = absl::ZeroDuration();
  EXPECT_FALSE(Reload().ok());
  EXPECT_EQ(Get("grace").value(), "7s");
  EXPECT_EQ(Get("grace").origin(), admin::v1::ORIGIN_RUN_TIME);
}

// A slow disk must not make the page wait.
TEST_P(LiveSettingsTest, CanBeReadWhileAReloadReadsItsFiles) {
  StartManually();
  int read = 0;
  const absl::Status reloaded = settings().Reload(nullptr, made_with_, [&] {
    read = settings().Get().settings_size();
    return absl::OkStatus();
  });
  EXPECT_EQ(reloaded, absl::OkStatus());
  EXPECT_GT(read, 0);
}

TEST_P(LiveSettingsTest, WhoTakesWhatIsLostGetsItOnce) {
  StartManually();
  settings().LeaveLost();
  EXPECT_EQ(settings().TakeLost(), "");
  ASSERT_TRUE(Set("grace", "7s").ok());
  ASSERT_TRUE(Set("lane_calls", "9").ok());
  ASSERT_TRUE(Set("lame_duck", "0s").ok());  // As the program has it.
  ASSERT_TRUE(Reload().ok());
  EXPECT_THAT(Lines(), Not(Contains(HasSubstr("gone"))));
  EXPECT_EQ(settings().TakeLost(),
            "run-time changes are gone: lane_calls 9 -> 16384, grace 7s -> "
            "10s");
  EXPECT_EQ(settings().TakeLost(), "");
}

TEST_P(LiveSettingsTest, ASecretIsNotShown) {
  StartManually({.workers = 1, .key_seed = 123456789});
  EXPECT_EQ(Get("key_seed").value(), "(secret)");
}

TEST_P(LiveSettingsTest, TheProgramSaysWhereItsValuesAreFrom) {
  StartManually();
  ProgramSettings program;
  program.origins = {{"stop.grace", admin::v1::ORIGIN_FILE},
                     {"lanes.lane_calls", admin::v1::ORIGIN_FLAG},
                     {"stop.lame_duck", admin::v1::ORIGIN_DEFAULT}};
  admin::v1::Setting& own = program.others.emplace_back();
  own.set_name("most_carts");
  own.set_value("(secret)");
  own.set_origin(admin::v1::ORIGIN_FILE);
  settings().SetProgram(program);
  EXPECT_EQ(Get("grace").origin(), admin::v1::ORIGIN_FILE);
  EXPECT_EQ(Get("lane_calls").origin(), admin::v1::ORIGIN_FLAG);
  EXPECT_EQ(Get("lame_duck").origin(), admin::v1::ORIGIN_DEFAULT);
  EXPECT_EQ(Get("most_carts").origin(), admin::v1::ORIGIN_FILE);
  ASSERT_TRUE(Set("grace", "7s").ok());
  EXPECT_EQ(Get("grace").origin(), admin::v1::ORIGIN_RUN_TIME);
  ASSERT_TRUE(Reload().ok());
  EXPECT_EQ(Get("grace").origin(), admin::v1::ORIGIN_FILE);
  const absl::Status own_set = Set("most_carts", "5");
  EXPECT_EQ(own_set.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(own_set.message()), HasSubstr("the program's own"));
}

TEST(LiveSettingsServerTest, NothingChangesBeforeTheStartNorAfterTheStop) {
  Server server({.listen = "127.0.0.1:0"}, {.workers = 1});
  HostAdd(server, [](auto&, auto*, auto&) { return absl::OkStatus(); });
  LiveSettings& settings = HostingForAdmin::Settings(server.hosting());
  const auto set = [&] { return settings.Set("grace", "7s", kWho).status(); };
  EXPECT_THAT(std::string(set().message()), HasSubstr("does not serve"));
  ASSERT_TRUE(server.Start().ok());
  EXPECT_TRUE(set().ok());
  ASSERT_TRUE(server.Stop().ok());
  EXPECT_EQ(set().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(LiveSettingsServerTest, MoreConnectionsAreAcceptedOnceTheyMayBe) {
  TestServer test({.workers = 1}, {.max_connections = 1});
  HostAdd(test.server(), [](auto&, auto*, auto&) { return absl::OkStatus(); });
  test.Start();
  const auto channel = test.TcpChannel();
  OpenCall first(channel, kAdd, AddOf("a"));
  ASSERT_TRUE(first.Await().ok()) << first.Await();
  const auto refused_channel = test.TcpChannel();
  OpenCall refused(refused_channel, kAdd, AddOf("a"));
  EXPECT_EQ(refused.Await().code(), absl::StatusCode::kUnavailable);
  LiveSettings& settings = HostingForAdmin::Settings(test.server().hosting());
  ASSERT_TRUE(settings.Set("max_connections", "2", kWho).ok());
  const auto another_channel = test.TcpChannel();
  OpenCall another(another_channel, kAdd, AddOf("a"));
  EXPECT_TRUE(another.Await().ok()) << another.Await();
}

// Of two that change settings at a time, neither loses what the other has
// changed, and a reload has all or nothing.
TEST(LiveSettingsServerTest, ChangesAndReloadsComeOneAfterTheOther) {
  TestServer test({.workers = 1});
  HostAdd(test.server(), [](auto&, auto*, auto&) { return absl::OkStatus(); });
  test.Start();
  LiveSettings& settings = HostingForAdmin::Settings(test.server().hosting());
  const auto change = [&](const char* name) {
    return std::thread([&settings, name] {
      for (int i = 1; i <= 50; ++i) {
        const std::string value = absl::StrCat(i, "s");
        EXPECT_TRUE(settings.Set(name, value, kWho).ok());
        settings.Get();
      }
    });
  };
  std::thread grace = change("grace");
  std::thread stall = change("stall_after");
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(
        test.server().Reload({.listen = "127.0.0.1:0"}, {.workers = 1}).ok());
  }
  grace.join();
  stall.join();
  for (const char* const name : {"grace", "stall_after"}) {
    ASSERT_TRUE(settings.Set(name, "1m", kWho).ok());
  }
  int found = 0;
  const admin::v1::GetSettingsResponse all = settings.Get();
  for (const admin::v1::Setting& setting : all.settings()) {
    if (setting.name() != "grace" && setting.name() != "stall_after") continue;
    ++found;
    EXPECT_EQ(setting.value(), "1m");
    EXPECT_EQ(setting.origin(), admin::v1::ORIGIN_RUN_TIME);
  }
  EXPECT_EQ(found, 2);
}

}  // namespace
}  // namespace pinion
