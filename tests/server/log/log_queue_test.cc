// SPDX-License-Identifier: Apache-2.0
//
// Lines that wait for who takes them, and those who add them, who do not.
#include "pinion/server/log/log_queue.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/patient_write.h"
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

// A queue whose lines are taken when the gate is open.
class LogQueueTest : public ::testing::Test {
 protected:
  ~LogQueueTest() override { gate_.Open(); }

  // Adds one that is taken and keeps the others waiting.
  void HoldUp() {
    queue_.Add("first");
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
    if (takes_) taken_.emplace_back(line);
    return takes_;
  }};
};

TEST_F(LogQueueTest, HandsOnAllLinesInOrder) {
  for (const char* line : {"a", "", "b"}) queue_.Add(line);
  EXPECT_THAT(Taken(), ElementsAre("a", "", "b"));
}

TEST_F(LogQueueTest, WhoAddsALineDoesNotWaitForWhoTakesIt) {
  HoldUp();
  for (int i = 0; i < 100'000; ++i) queue_.Add("another");
  EXPECT_FALSE(queue_.Flush(kAtOnce));
}

TEST_F(LogQueueTest, DropsWhatDoesNotFitAndTellsItWhereItWas) {
  HoldUp();
  const std::string large(LogQueue::kMaxLineBytes, 'x');
  constexpr size_t kFit = LogQueue::kMaxBytes / LogQueue::kMaxLineBytes - 1;
  for (size_t i = 0; i < kFit + 3; ++i) queue_.Add(large);
  EXPECT_THAT(Taken(), SizeIs(1 + kFit + 1));
  EXPECT_THAT(taken_.back(), HasSubstr("dropped 3 lines"));
  queue_.Add("after");
  Taken();
  EXPECT_EQ(taken_.back(), "after");
}

TEST_F(LogQueueTest, TellsOfDroppedLinesBeforeTheNextThatFits) {
  HoldUp();
  const std::string large(LogQueue::kMaxLineBytes, 'x');
  while (queue_.Add(large)) {
  }
  queue_.Add("small");
  const std::vector<std::string>& taken = Taken();
  ASSERT_GE(taken.size(), 2u);
  EXPECT_EQ(taken.back(), "small");
  EXPECT_THAT(taken[taken.size() - 2], HasSubstr("dropped 1 line here"));
}

TEST_F(LogQueueTest, TellsOfLinesThatCouldNotBeHandedOn) {
  gate_.Open();
  takes_ = false;
  queue_.Add("lost");
  queue_.Add("lost");
  EXPECT_TRUE(queue_.Flush(kForever));
  takes_ = true;
  queue_.Add("taken");
  EXPECT_THAT(Taken(), ElementsAre(HasSubstr("dropped 2 lines"), "taken"));
}

TEST_F(LogQueueTest, CutsALineThatIsTooLong) {
  queue_.Add(std::string(LogQueue::kMaxLineBytes + 1, 'x'));
  const std::vector<std::string>& taken = Taken();
  EXPECT_THAT(taken[0], EndsWith("x..."));
  EXPECT_EQ(taken[0].size(), LogQueue::kMaxLineBytes + 3);
}

TEST(LogQueueEndTest, HandsOnWhatWaitsWhenItEnds) {
  std::vector<std::string> taken;
  {
    LogQueue queue([&](absl::string_view line) {
      taken.emplace_back(line);
      return true;
    });
    for (int i = 0; i < 100; ++i) queue.Add("line");
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
  for (int i = 0; i < kLines; ++i) queue_->Add(absl::StrCat("line ", i, "."));
  EXPECT_FALSE(queue_->Flush(std::chrono::milliseconds(1)));
  // The dropped lines are told of behind the last that did fit.
  const std::string text = ReadUntil("which nobody took");
  EXPECT_THAT(text, HasSubstr("line 0.\nline 1.\n"));
  EXPECT_THAT(text, HasSubstr("log: dropped "));
  queue_->Add("after");
  EXPECT_THAT(ReadUntil("after"), HasSubstr("after\n"));
}

// Would end the test's process by SIGPIPE.
TEST_F(PipeLogTest, APipeWithoutAReaderKillsNobody) {
  signal(SIGPIPE, SIG_DFL);
  CloseReader();
  StartQueue();
  for (int i = 0; i < 3; ++i) queue_->Add("line");
  EXPECT_TRUE(queue_->Flush(kForever));
  EXPECT_FALSE(WriteWithin(ends_[1], "text", kAtOnce));
}

TEST_F(PipeLogTest, AWriteGivesUpWhenItsPatienceIsOver) {
  FillPipe();
  EXPECT_FALSE(WriteWithin(ends_[1], "text", std::chrono::milliseconds(1)));
}

}  // namespace
}  // namespace pinion
