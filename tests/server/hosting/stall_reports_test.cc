// SPDX-License-Identifier: Apache-2.0
//
// What is made of a report of a stall, and what a server says of a worker that
// is stuck.
#include "pinion/server/hosting/stall_reports.h"

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/run_record.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/stall_watch.h"
#include "pinion/core/task.h"
#include "pinion/server/hosting/for_test.h"
#include "pinion/server/lane/running_calls.h"
#include "pinion/server/log.h"
#include "pinion/server/observe/stalls.h"
#include "pinion/server/shard/running_work.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/test_server.h"

namespace pinion {

// Not inlined, and with an instruction after the call, so that it has a frame
// of its own.
__attribute__((noinline)) void StuckInItsHandler(testing::Gate& gate) {
  gate.Pass();
  asm volatile("");
}

namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::AddShard;
using ::pinion::testing::Gate;
using ::pinion::testing::HostAdd;
using ::pinion::testing::kAdd;
using ::pinion::testing::OpenCall;
using ::pinion::testing::TestServer;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A worker whose task runs since the test began, and a stack as the test says.
class StallReportsTest : public ::testing::Test {
 protected:
  StallReportsTest() {
    time_.Advance(std::chrono::milliseconds(1));
    record_.Begin(task_, time_.clock().Ticks());
    BeginWork();
  }

  void BeginWork() {
    work_.reset();
    work_.emplace(running_.work(), 0, what_, time_.Now());
  }

  StallReport Report() {
    const RunRecord::Run run = record_.Look().value();
    return {.worker = 0,
            .task = run.task,
            .ran = std::chrono::milliseconds(100),
            .had_cpu = std::chrono::milliseconds(3),
            .not_given = std::chrono::nanoseconds(0),
            .blocked = true,
            .suppressed = 0,
            .thread_id = kThread,
            .begun = run.begun,
            .record = &record_};
  }

  admin::v1::Stall Last() { return stalls_.List(1, false).stalls(0); }

  static constexpr pid_t kThread = 77;

  FakeClock time_;
  std::unique_ptr<Scheduler> scheduler_ =
      Scheduler::Manual({.workers = 1}, time_.clock());
  Task* const task_ =
      scheduler_->AddTask(0, {.name = "shop"}, [](WakeReasons) {});
  RunRecord record_;
  const std::string what_ = "a hop of shop.v1.CartService";
  RunningCalls running_{1};
  std::optional<RunningWork::Scope> work_;
  Stalls stalls_{7};
  std::vector<LogRecord> lines_;
  std::vector<pid_t> asked_;
  std::function<StallReports::Stack()> stack_ = [] {
    return std::vector<std::string>{"read", "shop::Cart::Load()"};
  };
  StallReports reports_{
      {.log = [this](LogRecord line) { lines_.push_back(std::move(line)); },
       .running = running_,
       .stalls = stalls_,
       .clock = time_.clock(),
       .waiting = [](int) { return 12; },
       .take_stack =
           [this](pid_t thread) {
             asked_.push_back(thread);
             return stack_();
           },
       .now = [] { return absl::FromUnixMillis(5000); }},
      /*stacks=*/true};
};

TEST_F(StallReportsTest, TheLineAndWhatIsKeptHaveTheStack) {
  reports_.Report(Report());
  EXPECT_THAT(asked_, ElementsAre(kThread));
  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_EQ(lines_[0].event, "worker_stalled");
  EXPECT_THAT(lines_[0].message,
              EndsWith("; it runs a hop of shop.v1.CartService, for 0s; "
                       "stack: read < shop::Cart::Load()"));
  EXPECT_THAT(Last().stack(), ElementsAre("read", "shop::Cart::Load()"));
  EXPECT_EQ(Last().no_stack(), "");
  EXPECT_EQ(Last().running().work(), "a hop of shop.v1.CartService");
  EXPECT_EQ(Last().waiting(), 12);
  EXPECT_EQ(Last().reported_ms(), 5000u);
  EXPECT_TRUE(Last().blocked());
}

TEST_F(StallReportsTest, ALineHasTheInnermostFunctionsOfADeepStack) {
  stack_ = [] { return std::vector<std::string>(40, std::string(1000, 'f')); };
  reports_.Report(Report());
  EXPECT_THAT(lines_[0].message, EndsWith("f < ..."));
  EXPECT_LT(lines_[0].message.size(), 4000u);
}

TEST_F(StallReportsTest, AStackThatMayBeOfAnotherRunIsNotShown) {
  stack_ = [this] {
    record_.End();
    time_.Advance(std::chrono::milliseconds(1));
    record_.Begin(task_, time_.clock().Ticks());
    return std::vector<std::string>{"of another run"};
  };
  reports_.Report(Report());
  EXPECT_THAT(lines_[0].message,
              EndsWith("; no stack: the handler ended while its stack was "
                       "taken"));
  EXPECT_THAT(Last().stack(), IsEmpty());
  EXPECT_EQ(Last().no_stack(), "the handler ended while its stack was taken");
}

TEST_F(StallReportsTest, AStackThatMayBeOfAnotherCallIsNotShown) {
  stack_ = [this] {
    time_.Advance(std::chrono::milliseconds(1));
    BeginWork();
    return std::vector<std::string>{"of another call"};
  };
  reports_.Report(Report());
  EXPECT_THAT(Last().stack(), IsEmpty());
}

TEST_F(StallReportsTest, SaysWhyThereIsNoStack) {
  stack_ = [] { return absl::DeadlineExceededError("it has blocked SIGURG"); };
  reports_.Report(Report());
  EXPECT_THAT(lines_[0].message, EndsWith("; no stack: it has blocked SIGURG"));
  EXPECT_EQ(Last().no_stack(), "it has blocked SIGURG");
}

TEST_F(StallReportsTest, TakesTwoStacksInASecondAndCountsTheOthers) {
  for (int i = 0; i < 5; ++i) reports_.Report(Report());
  EXPECT_THAT(asked_, SizeIs(2));
  EXPECT_THAT(lines_[4].message, EndsWith("; no stack: at most 2 are taken in "
                                          "a second; left out so far: 3"));
  // What was taken before of the same run is still shown.
  EXPECT_THAT(Last().stack(), SizeIs(2));
  time_.Advance(std::chrono::seconds(1));
  reports_.Report(Report());
  EXPECT_THAT(asked_, SizeIs(3));
}

TEST_F(StallReportsTest, AsksForNoStackIfTheyAreOff) {
  reports_.SetStacks(false);
  reports_.Report(Report());
  EXPECT_THAT(asked_, IsEmpty());
  EXPECT_EQ(Last().no_stack(), "stall_stacks is false");
  reports_.SetStacks(true);
  reports_.Report(Report());
  EXPECT_THAT(Last().stack(), SizeIs(2));
}

TEST_F(StallReportsTest, WhatWasReportedHasEndedOnceItsWorkerIsNotStalled) {
  reports_.Report(Report());
  reports_.SetState(0, /*stalled=*/true);
  EXPECT_FALSE(Last().ended());
  reports_.SetState(0, /*stalled=*/false);
  EXPECT_TRUE(Last().ended());
}

bool Names(const admin::v1::Stall& stall, absl::string_view function) {
  return absl::c_any_of(stall.stack(), [&](const std::string& frame) {
    return absl::StrContains(frame, function);
  });
}

// A server whose worker is stuck in a function of its handler.
TEST(StuckWorkerTest, TheLogAndTheStallsNameTheFunctionInWhichAWorkerIsStuck) {
  Gate in_handler;
  Gate in_log;
  std::string line;
  const AddShard::Handler at_gate = [&](const auto&, auto*, CallContext&) {
    StuckInItsHandler(in_handler);
    return absl::OkStatus();
  };
  TestServer test({.workers = 1,
                   .stall_after = absl::Milliseconds(10),
                   .log = [&](absl::string_view logged) {
                     // Of an earlier moment of a busy machine, perhaps.
                     if (logged.find("StuckInItsHandler") == logged.npos)
                       return;
                     if (line.empty()) line = std::string(logged);
                     in_log.Open();
                   }});
  HostAdd(test.server(), at_gate);
  test.Start();
  const Stalls& stalls =
      internal::ServerForTest::runtime(test.server()).stalls();
  {
    OpenCall stalled(test.TcpChannel(), kAdd, AddOf("a"));
    in_log.Pass();
    EXPECT_THAT(line, HasSubstr("has run for"));
    EXPECT_THAT(line, HasSubstr("; stack: "));
    EXPECT_THAT(line, HasSubstr("pinion::StuckInItsHandler"));
    // The line comes first; and perhaps it is kept of an earlier moment only.
    admin::v1::Stall stall;
    while (!Names(stall, "StuckInItsHandler")) {
      std::this_thread::yield();
      const auto listed = stalls.List(1, false);
      if (listed.stalls_size() > 0) stall = listed.stalls(0);
    }
    EXPECT_FALSE(stall.ended());
    EXPECT_EQ(stall.running().method(), kAdd);
    EXPECT_FALSE(stall.running().key().has_key());
    in_handler.Open();
    EXPECT_TRUE(stalled.Await().ok()) << stalled.Await();
  }
  while (!stalls.List(1, false).stalls(0).ended()) std::this_thread::yield();
  test.Stop();
}

}  // namespace
}  // namespace pinion
