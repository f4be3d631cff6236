// SPDX-License-Identifier: Apache-2.0
//
// Messages and beats on their way to systemd, by a clock and workers that the
// test steps.
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/systemd/notify_loop.h"
#include "pinion/server/systemd/notify_socket.h"
#include "pinion/server/systemd/watchdog_time.h"
#include "pinion/server/systemd/worker_beat.h"
#include "pinion/tests/support/notify_receiver.h"

namespace pinion {
namespace {

using ::pinion::testing::NotifyReceiver;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

NotifySocket SocketTo(const std::string& address) {
  auto socket = NotifySocket::Open(address);
  EXPECT_TRUE(socket.ok()) << socket.status();
  return *std::move(socket);
}

TEST(NotifySocketTest, SendsToAPathAndToAnAbstractName) {
  NotifyReceiver by_name;
  NotifyReceiver by_path(absl::StrCat("/tmp/pinion-notify-", getpid()));
  for (NotifyReceiver* receiver : {&by_name, &by_path}) {
    const absl::Status sent =
        SocketTo(receiver->address()).Send("READY=1\nA=B");
    EXPECT_TRUE(sent.ok()) << sent;
    EXPECT_EQ(receiver->Next(), "READY=1\nA=B");
  }
}

TEST(NotifySocketTest, RefusesAddressesThatAreNone) {
  for (const char* bad : {"", "relative", "vsock:2:1234"}) {
    const absl::Status status = NotifySocket::Open(bad).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat(
                    "NOTIFY_SOCKET is \"", bad,
                    "\", which is neither \"/path\" nor \"@name\"")));
  }
  const std::string longest = "/" + std::string(106, 'x');
  EXPECT_TRUE(NotifySocket::Open(longest).ok());
  EXPECT_THAT(std::string(NotifySocket::Open(longest + "x").status().message()),
              HasSubstr("longer than 108 bytes"));
  EXPECT_TRUE(NotifySocket::Open("@" + std::string(107, 'x')).ok());
  EXPECT_FALSE(NotifySocket::Open("@" + std::string(108, 'x')).ok());
}

TEST(NotifySocketTest, TellsAFullReceiverFromOneThatIsNotThere) {
  NotifyReceiver receiver;
  const NotifySocket socket = SocketTo(receiver.address());
  absl::Status sent;
  while (sent.ok()) sent = socket.Send("STATUS=again");
  EXPECT_EQ(sent.code(), absl::StatusCode::kUnavailable) << sent;
  receiver.Next();
  EXPECT_TRUE(socket.Send("STATUS=again").ok());

  EXPECT_EQ(SocketTo("/nobody/is/here").Send("READY=1").code(),
            absl::StatusCode::kNotFound);
}

TEST(WatchdogTimeTest, IsThatOfTheEnvironmentIfItIsForThisProcess) {
  const auto read = [](const char* usec, const char* pid) {
    return ReadWatchdogTime(usec, pid, /*self=*/7).value();
  };
  EXPECT_EQ(read(nullptr, nullptr), std::nullopt);
  EXPECT_EQ(read(nullptr, "7"), std::nullopt);
  EXPECT_THAT(read("30000000", nullptr), Optional(microseconds(30'000'000)));
  EXPECT_THAT(read("30000000", "7"), Optional(microseconds(30'000'000)));
  EXPECT_EQ(read("30000000", "8"), std::nullopt);
  EXPECT_EQ(read("18446744073709551615", "7"), std::nullopt);
}

TEST(WatchdogTimeTest, NamesTheVariableThatMakesNoSense) {
  const auto complaint = [](const char* usec, const char* pid) {
    return std::string(ReadWatchdogTime(usec, pid, 7).status().message());
  };
  for (const char* bad : {"", "0", "-1", "3s", "18446744073709551616"}) {
    EXPECT_THAT(complaint(bad, nullptr),
                HasSubstr(absl::StrCat("WATCHDOG_USEC is \"", bad, "\"")));
  }
  for (const char* bad : {"", "0", "-7", "x"}) {
    EXPECT_THAT(complaint("1", bad),
                HasSubstr(absl::StrCat("WATCHDOG_PID is \"", bad, "\"")));
  }
}

// A loop without a thread.
class NotifyLoopTest : public ::testing::Test {
 protected:
  static constexpr milliseconds kWatchdog{4000};
  static constexpr milliseconds kBeat = kWatchdog / NotifyLoop::kBeats;

  NotifyLoop Loop(const std::string& address) {
    return NotifyLoop(
        SocketTo(address),
        {.watchdog = kWatchdog,
         .log = [this](LogRecord record) { lines_.push_back(record.message); },
         .clock = time_.clock()});
  }
  NotifyLoop Loop() { return Loop(receiver_.address()); }

  // The messages that have come.
  std::vector<std::string> Received() {
    std::vector<std::string> all;
    while (auto message = receiver_.TryNext()) all.push_back(*message);
    return all;
  }

  NotifyReceiver receiver_;
  FakeClock time_;
  std::vector<std::string> lines_;
};

TEST_F(NotifyLoopTest, SendsWhatWasSaidInItsOrderAndThenRests) {
  NotifyLoop loop = Loop();
  EXPECT_EQ(loop.Turn(), std::nullopt);
  loop.Say("READY=1");
  loop.Say("STATUS=serving");
  EXPECT_THAT(Received(), ElementsAre());  // It is its thread's to send.
  EXPECT_EQ(loop.Turn(), std::nullopt);
  EXPECT_THAT(Received(), ElementsAre("READY=1", "STATUS=serving"));
}

TEST_F(NotifyLoopTest, LosesNoStateToAReceiverWithoutRoom) {
  const NotifySocket other = SocketTo(receiver_.address());
  while (other.Send("noise").ok()) {
  }
  NotifyLoop loop = Loop();
  loop.Say("READY=1");
  const std::optional<Moment> again = loop.Turn();
  ASSERT_TRUE(again.has_value());
  EXPECT_GT(*again, time_.Now());
  loop.Say("STOPPING=1");
  loop.Turn();
  for (const std::string& message : Received()) EXPECT_EQ(message, "noise");
  EXPECT_EQ(loop.Turn(), std::nullopt);
  EXPECT_THAT(Received(), ElementsAre("READY=1", "STOPPING=1"));
}

TEST_F(NotifyLoopTest, KeepsTheLastMessagesOfMany) {
  const NotifySocket other = SocketTo(receiver_.address());
  while (other.Send("noise").ok()) {
  }
  NotifyLoop loop = Loop();
  loop.Turn();
  for (size_t i = 0; i <= NotifyLoop::kMostWaiting; ++i) {
    loop.Say(absl::StrCat("STATUS=", i));
  }
  Received();
  // As many as there is room for at a time.
  std::vector<std::string> all;
  while (loop.Turn().has_value()) {
    for (std::string& message : Received()) all.push_back(std::move(message));
  }
  for (std::string& message : Received()) all.push_back(std::move(message));
  ASSERT_EQ(all.size(), NotifyLoop::kMostWaiting);
  EXPECT_EQ(all.front(), "STATUS=1");
  EXPECT_EQ(all.back(), absl::StrCat("STATUS=", NotifyLoop::kMostWaiting));
}

TEST_F(NotifyLoopTest, SendsWhatIsLeftAtItsEnd) {
  {
    NotifyLoop loop = Loop();
    loop.Say("STATUS=cannot start");
  }
  EXPECT_THAT(Received(), ElementsAre("STATUS=cannot start"));
}

TEST_F(NotifyLoopTest, TellsOnceThatNobodyReceives) {
  NotifyLoop loop = Loop("/nobody/is/here");
  loop.Say("READY=1");
  loop.Say("STATUS=serving");
  EXPECT_EQ(loop.Turn(), std::nullopt);
  loop.Say("STOPPING=1");
  loop.Turn();
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("No such file or directory")));
}

TEST_F(NotifyLoopTest, AsksFourTimesWithinTheWatchdogsTimeAndNoMore) {
  NotifyLoop loop = Loop();
  int asked = 0;
  loop.BeatWhile([&] { return ++asked; });
  EXPECT_EQ(loop.Turn(), time_.Now() + kBeat);
  EXPECT_EQ(asked, 1);
  time_.Advance(kBeat - milliseconds(1));
  loop.Say("STATUS=more");
  EXPECT_EQ(loop.Turn(), time_.Now() + milliseconds(1));
  EXPECT_EQ(asked, 1);
  time_.Advance(milliseconds(1));
  loop.Turn();
  EXPECT_EQ(asked, 2);
  // A thread that was given no CPU does not make up for it.
  time_.Advance(10 * kWatchdog);
  EXPECT_EQ(loop.Turn(), time_.Now() + kBeat);
  EXPECT_EQ(asked, 3);
  EXPECT_THAT(Received(), ElementsAre("WATCHDOG=1", "STATUS=more", "WATCHDOG=1",
                                      "WATCHDOG=1"));
}

TEST_F(NotifyLoopTest, HasNoBeatsIfNobodyWaitsForThem) {
  NotifyLoop loop(SocketTo(receiver_.address()), {.clock = time_.clock()});
  loop.BeatWhile([] {
    ADD_FAILURE() << "it asked";
    return true;
  });
  EXPECT_EQ(loop.Turn(), std::nullopt);
  time_.Advance(seconds(100));
  loop.Turn();
  EXPECT_THAT(Received(), ElementsAre());
}

// Beats that come through two workers.
class BeatTest : public NotifyLoopTest {
 protected:
  BeatTest() {
    loop_.BeatWhile([this] { return beat_.Count() > 0; });
    loop_.Turn();
  }

  // The workers that get on run what they have, and time passes; whether a beat
  // came.
  bool BeatComesWith(const std::vector<int>& workers) {
    for (const int worker : workers) {
      while (scheduler_->Step(worker)) {
      }
    }
    time_.Advance(kBeat);
    loop_.Turn();
    const std::vector<std::string> received = Received();
    if (received.empty()) return false;
    EXPECT_THAT(received, ElementsAre("WATCHDOG=1"));
    return true;
  }

  std::unique_ptr<Scheduler> scheduler_ =
      Scheduler::Manual({.workers = 2}, time_.clock());
  WorkerBeat beat_{*scheduler_};
  NotifyLoop loop_ = Loop();
};

TEST_F(BeatTest, GoesOnWhileAllWorkersOrOneGetOn) {
  EXPECT_TRUE(BeatComesWith({0, 1}));
  EXPECT_TRUE(BeatComesWith({0, 1}));
  EXPECT_TRUE(BeatComesWith({0}));
  EXPECT_TRUE(BeatComesWith({0}));
  EXPECT_TRUE(BeatComesWith({1}));
}

TEST_F(BeatTest, StopsWhileAllWorkersAreHeldAndGoesOnAfterwards) {
  EXPECT_TRUE(BeatComesWith({0, 1}));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(BeatComesWith({})) << i;
  EXPECT_TRUE(BeatComesWith({1}));
  EXPECT_FALSE(BeatComesWith({}));
}

TEST_F(BeatTest, GoesOnInAStopWhateverTheWorkersDo) {
  EXPECT_FALSE(BeatComesWith({}));
  loop_.BeatAlways();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(BeatComesWith({})) << i;
}

TEST(WorkerBeatTest, CountsWhoHasGivenASignSinceTheLastCall) {
  FakeClock time;
  const auto scheduler = Scheduler::Manual({.workers = 3}, time.clock());
  WorkerBeat beat(*scheduler);
  EXPECT_FALSE(scheduler->Step(0)) << "it was asked before the first call";
  EXPECT_EQ(beat.Count(), 0);
  scheduler->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(beat.Count(), 3);
  EXPECT_EQ(beat.Count(), 0);
  EXPECT_EQ(beat.Count(), 0);
  scheduler->Step(1);
  EXPECT_EQ(beat.Count(), 1);
  scheduler->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(beat.Count(), 3);
  ASSERT_TRUE(scheduler->Stop().ok());
  EXPECT_EQ(beat.Count(), 0);
  EXPECT_EQ(beat.Count(), 0);
}

}  // namespace
}  // namespace pinion
