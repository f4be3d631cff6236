// SPDX-License-Identifier: Apache-2.0
//
// What systemd is told of a server that serves.
#include "pinion/server/systemd.h"

#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/monotonic_nanos.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/notify_receiver.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::LaneTest;
using ::pinion::testing::NotifyReceiver;
using ::pinion::testing::OpenCall;
using ::pinion::testing::TransportName;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class SystemdTest : public LaneTest {
 protected:
  SystemdTest() {
    setenv("NOTIFY_SOCKET", receiver_.address().c_str(), 1);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
  }
  ~SystemdTest() override {
    gate_.Open();
    notifier_.reset();
    unsetenv("NOTIFY_SOCKET");
  }

  // A notifier with this WatchdogSec, and a server that has started.
  void StartWatched(int workers, const char* watchdog_usec) {
    setenv("WATCHDOG_USEC", watchdog_usec, 1);
    setenv("WATCHDOG_PID", absl::StrCat(getpid()).c_str(), 1);
    notifier_.emplace();
    Start({.workers = workers, .stall_after = absl::Hours(1)});
    notifier_->Started(server().hosting(), "serving");
    receiver_.Await("READY=1");
  }

  NotifyReceiver receiver_;
  std::optional<SystemdNotifier> notifier_;
};

INSTANTIATE_TEST_SUITE_P(, SystemdTest, ::testing::Values(true), TransportName);

TEST_P(SystemdTest, TellsEachStateInItsOrder) {
  Start({.workers = 1});
  notifier_.emplace();
  EXPECT_EQ(receiver_.TryNext(), std::nullopt);
  notifier_->SetStatus("loading");
  notifier_->Started(server().hosting(), "serving on here");
  notifier_->Reloading();
  notifier_->Reloaded("reloaded");
  notifier_->Stopping();
  EXPECT_EQ(receiver_.Next(), "STATUS=loading");
  EXPECT_EQ(receiver_.Next(), "READY=1\nSTATUS=serving on here");
  EXPECT_THAT(receiver_.Next(), StartsWith("RELOADING=1\nMONOTONIC_USEC="));
  EXPECT_EQ(receiver_.Next(), "READY=1\nSTATUS=reloaded");
  EXPECT_THAT(receiver_.Next(), StartsWith("STOPPING=1\nSTATUS="));
}

TEST_P(SystemdTest, SaysWhenAReloadBegan) {
  notifier_.emplace();
  const int64_t before = MonotonicNanos() / 1000;
  notifier_->Reloading();
  const int64_t after = MonotonicNanos() / 1000;
  for (const absl::string_view line : absl::StrSplit(receiver_.Next(), '\n')) {
    if (line.substr(0, 15) != "MONOTONIC_USEC=") continue;
    const int64_t begun = std::stoll(std::string(line.substr(15)));
    EXPECT_GE(begun, before);
    EXPECT_LE(begun, after);
    return;
  }
  ADD_FAILURE() << "it does not say";
}

TEST_P(SystemdTest, HasOneLineForAStatusWhateverIsInIt) {
  notifier_.emplace();
  notifier_->SetStatus("cannot start:\nREADY=1\r\x01 of what");
  EXPECT_EQ(receiver_.Next(), "STATUS=cannot start: READY=1   of what");
  notifier_->SetStatus(std::string(100'000, 'x'));
  EXPECT_EQ(receiver_.Next(), "STATUS=" + std::string(512, 'x'));
}

TEST_P(SystemdTest, DoesNothingWithoutASocketOrWithABadOne) {
  for (const char* socket : {"", "relative"}) {
    setenv("NOTIFY_SOCKET", socket, 1);
    notifier_.emplace();
    notifier_->SetStatus("serving");
    notifier_->Stopping();
  }
  unsetenv("NOTIFY_SOCKET");
  notifier_.emplace();
  notifier_->Stopping();
  EXPECT_EQ(receiver_.TryNext(), std::nullopt);
}

TEST_P(SystemdTest, TellsItsStatesThoughTheWatchdogsVariablesAreWrong) {
  setenv("WATCHDOG_USEC", "soon", 1);
  notifier_.emplace();
  notifier_->Stopping();
  EXPECT_THAT(receiver_.Next(), HasSubstr("STOPPING=1"));
}

TEST_P(SystemdTest, BeatsThoughAWorkerIsHeldAndCallsWait) {
  gate_.Open();
  StartWatched(2, "4000");
  HeldWorker held(channel());
  OpenCall waiting(channel(), kAdd, AddOf("a"));
  // Those that were sent before it was held are among these.
  for (int i = 0; i < 20; ++i) receiver_.Await("WATCHDOG=1");
  held.Release();
}

TEST_P(SystemdTest, CountsNoWorkerThatAHandlerHolds) {
  Start({.workers = 1});
  OpenCall add(channel(), kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  Hosting& hosting = server().hosting();
  hosting.CountBeats();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(hosting.CountBeats(), 0) << i;
  gate_.Open();
  while (hosting.CountBeats() != 1) std::this_thread::yield();
}

TEST_P(SystemdTest, BeatsInAStopThoughAllWorkersAreHeld) {
  StartWatched(1, "4000");
  OpenCall add(channel(), kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  notifier_->Stopping();
  receiver_.Await("STOPPING=1");
  for (int i = 0; i < 20; ++i) receiver_.Await("WATCHDOG=1");
  gate_.Open();
}

}  // namespace
}  // namespace pinion
