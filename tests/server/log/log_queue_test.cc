// SPDX-License-Identifier: Apache-2.0
//
// Lines that wait for who takes them, and those who add them, who do not.
// server_log_test.cc is about which lines there are.
#include "pinion/server/log/log_queue.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/patient_write.h"
#include "pinion/core/thread_times.h"
#include "pinion/server/log.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::chrono::hours kForever(24);
constexpr std::chrono::nanoseconds kAtOnce(0);
constexpr size_t kLarge = 16 << 10;

// What follows the time, the level and the area of a line.
absl::string_view MessageIn(absl::string_view line) {
  return line.substr(line.find(": ") + 2);
}

// A queue whose lines are taken when the gate is open.
class LogQueueTest : public ::testing::Test {
 protected:
  ~LogQueueTest() override { gate_.Open(); }

  bool Add(std::string message) {
    return queue_.Add({.message = std::move(message)}, LogFormat::kText);
  }
  // Adds one that is taken and keeps the others waiting.
  void HoldUp() {
    Add("first");
    gate_.AwaitArrivals(1);
  }
  // The lines that were taken, when all have been.
  const std::vector<std::string>& Taken() {
    gate_.Open();
    EXPECT_TRUE(queue_.Flush(kForever));
    return taken_;
  }

  Gate gate_;
  bool takes_ = true;
  std::vector<std::string> taken_;
  LogQueue queue_{[this](absl::string_view line) {
    gate_.Pass();
    if (takes_) taken_.emplace_back(MessageIn(line));
    return takes_;
  }};
};

TEST_F(LogQueueTest, HandsOnAllLinesInOrder) {
  for (const char* line : {"a", "", "b"}) Add(line);
  EXPECT_THAT(Taken(), ElementsAre("a", "", "b"));
}

TEST_F(LogQueueTest, WhoAddsALineDoesNotWaitForWhoTakesIt) {
  HoldUp();
  for (int i = 0; i < 100'000; ++i) Add("another");
  EXPECT_FALSE(queue_.Flush(kAtOnce));
}

TEST_F(LogQueueTest, DropsWhatDoesNotFitAndTellsItWhereItWas) {
  HoldUp();
  const std::string large(kLarge, 'x');
  size_t fit = 0;
  while (Add(large)) ++fit;
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(Add(large));
  EXPECT_THAT(Taken(), SizeIs(1 + fit + 1));
  EXPECT_THAT(taken_.back(), EndsWith("took in time (left out: 3 lines)"));
  Add("after");
  Taken();
  EXPECT_EQ(taken_.back(), "after");
  EXPECT_EQ(queue_.dropped_in_all(), 3u);
}

TEST_F(LogQueueTest, TellsOfDroppedLinesBeforeTheNextThatFits) {
  HoldUp();
  const std::string large(kLarge, 'x');
  while (Add(large)) {
  }
  Add("small");
  const std::vector<std::string>& taken = Taken();
  ASSERT_GE(taken.size(), 2u);
  EXPECT_EQ(taken.back(), "small");
  EXPECT_THAT(taken[taken.size() - 2],
              EndsWith("took in time (left out: 1 line)"));
}

TEST_F(LogQueueTest, TellsOfLinesThatCouldNotBeHandedOn) {
  gate_.Open();
  takes_ = false;
  Add("lost");
  Add("lost");
  EXPECT_TRUE(queue_.Flush(kForever));
  takes_ = true;
  Add("taken");
  EXPECT_THAT(Taken(), ElementsAre(EndsWith("took in time (left out: 2 lines)"),
                                   "taken"));
  // Each once, though the line that tells of the first was lost, too.
  EXPECT_EQ(queue_.dropped_in_all(), 2u);
}

TEST(LogQueueBoundTest, CountsAllBytesOfARecord) {
  const std::string large(kLarge, 'x');
  for (const LogRecord& record :
       {LogRecord{.event = large}, LogRecord{.method = large},
        LogRecord{.key = large}, LogRecord{.message = large}}) {
    Gate gate;
    LogQueue queue([&](absl::string_view) {
      gate.Pass();
      return true;
    });
    queue.Add({}, LogFormat::kText);
    gate.AwaitArrivals(1);
    size_t fit = 0;
    while (queue.Add(record, LogFormat::kText)) ++fit;
    EXPECT_LE(fit, LogQueue::kMaxBytes / kLarge);
    gate.Open();
  }
}

TEST_F(LogQueueTest, ManyEmptyLinesAreBoundedToo) {
  HoldUp();
  size_t fit = 0;
  while (Add("")) ++fit;
  EXPECT_LE(fit, LogQueue::kMaxBytes / sizeof(LogRecord));
}

TEST_F(LogQueueTest, ADroppedLineIsToldInItsFormAndWithItsTime) {
  std::vector<std::string> lines;
  Gate gate;
  LogQueue queue([&](absl::string_view line) {
    gate.Pass();
    lines.emplace_back(line);
    return true;
  });
  queue.Add({}, LogFormat::kText);
  gate.AwaitArrivals(1);
  LogRecord large = {.message = std::string(kLarge, 'x')};
  while (queue.Add(large, LogFormat::kText)) {
  }
  large.time = absl::UnixEpoch();
  queue.Add(large, LogFormat::kJson);
  gate.Open();
  ASSERT_TRUE(queue.Flush(kForever));
  EXPECT_EQ(
      lines.back(),
      R"({"time":"1970-01-01T00:00:00.000000Z","level":"warning",)"
      R"("area":"log","event":"lines_dropped","left_out":2,)"
      R"("message":"lines were dropped here, which nobody took in time"})");
}

// Flush() tells a receiver that keeps a line from a thread that has no CPU to
// hand it on: by what the kernel says of the thread, which the test says here.
class LogFlushTest : public ::testing::Test {
 protected:
  ~LogFlushTest() override {
    gate_.Open();
    looks_.Open();
  }

  // Begins a line, which stays there until the gate opens.
  void Begin() {
    queue_.Add({.message = "m"}, LogFormat::kText);
    gate_.AwaitArrivals(1);
  }

  Gate gate_;   // Holds the queue's thread.
  Gate looks_;  // Counts the looks at it.
  ThreadTimes times_;
  std::chrono::nanoseconds cpu_between_looks_{0};
  LogQueue queue_{[this](absl::string_view) {
                    gate_.Pass();
                    return true;
                  },
                  [this](pid_t thread) -> absl::StatusOr<ThreadTimes> {
                    EXPECT_GT(thread, 0);
                    looks_.Pass();
                    times_.cpu += cpu_between_looks_;
                    return times_;
                  }};
};

TEST_F(LogFlushTest, WaitsLongerThanItsPatienceForAThreadThatIsGivenNoCpu) {
  looks_.Open();
  times_.blocked = false;  // It is ready to run, and its CPU time stands still.
  Begin();
  bool flushed = false;
  std::thread flush(
      [&] { flushed = queue_.Flush(std::chrono::nanoseconds(1)); });
  looks_.AwaitArrivals(3);  // After the first it would have given up.
  gate_.Open();
  flush.join();
  EXPECT_TRUE(flushed);
}

TEST_F(LogFlushTest, GivesUpOnAReceiverThatKeepsTheLine) {
  looks_.Open();
  times_.blocked = true;  // The thread waits in the receiver.
  Begin();
  EXPECT_FALSE(queue_.Flush(std::chrono::milliseconds(1)));
}

TEST_F(LogFlushTest, GivesUpOnAReceiverThatKeepsTheCpuBusy) {
  looks_.Open();
  cpu_between_looks_ = std::chrono::hours(1);
  Begin();
  EXPECT_FALSE(queue_.Flush(std::chrono::milliseconds(1)));
}

TEST(LogQueueEndTest, HandsOnWhatWaitsWhenItEnds) {
  std::vector<std::string> taken;
  {
    LogQueue queue([&](absl::string_view line) {
      taken.emplace_back(line);
      return true;
    });
    for (int i = 0; i < 100; ++i) queue.Add({}, LogFormat::kText);
  }
  EXPECT_THAT(taken, SizeIs(100));
}

// A pipe, and a queue that writes to it.
class PipeLogTest : public ::testing::Test {
 protected:
  PipeLogTest() {
    EXPECT_EQ(pipe(ends_), 0);
    // The queue begins when the pipe is as the test wants it.
  }
  ~PipeLogTest() override {
    CloseReader();
    queue_.reset();
    close(ends_[1]);
  }
  void StartQueue() {
    queue_.emplace([this](absl::string_view line) {
      return WriteWithin(ends_[1], absl::StrCat(line, "\n"), kForever);
    });
  }
  bool Add(std::string message) {
    return queue_->Add({.message = std::move(message)}, LogFormat::kText);
  }
  void FillPipe() {
    fcntl(ends_[1], F_SETFL, O_NONBLOCK);
    const std::string page(4096, '.');
    while (write(ends_[1], page.data(), page.size()) > 0) {
    }
    fcntl(ends_[1], F_SETFL, 0);
  }
  // What can be read until `end` was.
  std::string ReadUntil(absl::string_view end) {
    std::string text;
    char some[4096];
    while (text.find(std::string(end)) == std::string::npos) {
      const ssize_t got = read(ends_[0], some, sizeof(some));
      if (got <= 0) break;
      text.append(some, static_cast<size_t>(got));
    }
    return text;
  }
  void CloseReader() {
    if (ends_[0] >= 0) close(ends_[0]);
    ends_[0] = -1;
  }

  int ends_[2];
  std::optional<LogQueue> queue_;
};

TEST_F(PipeLogTest, AFullPipeHoldsNobodyUpAndGetsItsLinesWhenItIsRead) {
  FillPipe();
  StartQueue();
  constexpr int kLines = 10'000;
  for (int i = 0; i < kLines; ++i) Add(absl::StrCat("line ", i, "."));
  EXPECT_FALSE(queue_->Flush(std::chrono::milliseconds(1)));
  // The dropped lines are told of behind the last that did fit.
  const std::string text = ReadUntil("which nobody took");
  EXPECT_THAT(text, HasSubstr(" info program: line 0.\n"));
  EXPECT_THAT(text, HasSubstr(" info program: line 1.\n"));
  EXPECT_THAT(text, HasSubstr(" warning log: lines were dropped "));
  Add("after");
  EXPECT_THAT(ReadUntil("after"), HasSubstr("after\n"));
}

// Would end the test's process by SIGPIPE.
TEST_F(PipeLogTest, APipeWithoutAReaderKillsNobody) {
  signal(SIGPIPE, SIG_DFL);
  CloseReader();
  StartQueue();
  for (int i = 0; i < 3; ++i) Add("line");
  EXPECT_TRUE(queue_->Flush(kForever));
  EXPECT_FALSE(WriteWithin(ends_[1], "text", kAtOnce));
}

TEST_F(PipeLogTest, AWriteGivesUpWhenItsPatienceIsOver) {
  FillPipe();
  EXPECT_FALSE(WriteWithin(ends_[1], "text", std::chrono::milliseconds(1)));
}

}  // namespace
}  // namespace pinion
