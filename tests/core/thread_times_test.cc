// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/thread_times.h"

#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/cpu/affinity.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using ::testing::HasSubstr;

// Above the largest thread id a kernel gives.
constexpr pid_t kNoThread = pid_t{1} << 29;

// Reads the times of `thread` until they are such that `done`.
template <typename Done>
ThreadTimes ReadUntil(pid_t thread, Done done) {
  for (;;) {
    const ThreadTimes times = ReadThreadTimes(thread).value();
    if (done(times)) return times;
    std::this_thread::yield();
  }
}

nanoseconds OwnCpuTime() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

// A thread that uses all the CPU it can get.
class Spinner {
 public:
  Spinner() { id_ = told_.get_future().get(); }
  ~Spinner() {
    stop_ = true;
    thread_.join();
  }
  pid_t id() const { return id_; }

 private:
  std::atomic<bool> stop_{false};
  std::promise<pid_t> told_;
  std::thread thread_{[this] {
    told_.set_value(gettid());
    while (!stop_) {
    }
  }};
  pid_t id_;
};

// A thread that soon waits at a gate, and after GoOn() at another.
class Waiter {
 public:
  Waiter() { id_ = told_.get_future().get(); }
  ~Waiter() {
    first_.Open();
    second_.Open();
    thread_.join();
  }
  pid_t id() const { return id_; }
  void GoOn() { first_.Open(); }

 private:
  Gate first_;
  Gate second_;
  std::promise<pid_t> told_;
  std::thread thread_{[this] {
    told_.set_value(gettid());
    first_.Pass();
    second_.Pass();
  }};
  pid_t id_;
};

TEST(ThreadTimesTest, TellsTheCpuTimeThatTheThreadItselfIsTold) {
  for (int i = 0; i < 100; ++i) {
    const nanoseconds before = OwnCpuTime();
    const ThreadTimes times = ReadThreadTimes(gettid()).value();
    EXPECT_LE(before, times.cpu);
    EXPECT_LE(times.cpu, OwnCpuTime());
    EXPECT_FALSE(times.blocked);
  }
}

TEST(ThreadTimesTest, SeesTheCpuTimeOfASpinningThreadGrow) {
  Spinner spinner;
  const nanoseconds begun = ReadThreadTimes(spinner.id()).value().cpu;
  ReadUntil(spinner.id(), [&](const ThreadTimes& now) {
    return now.cpu >= begun + milliseconds(5) && !now.blocked;
  });
}

TEST(ThreadTimesTest, SeesThatAThreadAtAGateIsBlockedAndThatItWentByItsWill) {
  Waiter waiter;
  const auto blocked = [](const ThreadTimes& now) { return now.blocked; };
  // At the first gate, or on its way there at something shorter.
  const uint64_t switches = ReadUntil(waiter.id(), blocked).voluntary_switches;
  waiter.GoOn();
  // At the second.
  const ThreadTimes times = ReadUntil(waiter.id(), [&](const ThreadTimes& now) {
    return now.blocked && now.voluntary_switches > switches;
  });
  EXPECT_GT(times.voluntary_switches, switches);
}

TEST(ThreadTimesTest, SeesThatAThreadWaitsForItsCpu) {
  if (!std::filesystem::exists("/proc/self/schedstat")) {
    GTEST_SKIP() << "this kernel does not tell";
  }
  // Two that want the same CPU; they inherit it.
  const std::vector<int> before = AllowedCpus().value();
  ASSERT_TRUE(RunThisThreadOn({before.back()}).ok());
  Spinner one, other;
  ASSERT_TRUE(RunThisThreadOn(before).ok());
  const ThreadTimes begun = ReadThreadTimes(one.id()).value();
  ReadUntil(one.id(), [&](const ThreadTimes& now) {
    return now.run_delay >= begun.run_delay + milliseconds(5);
  });
}

TEST(ThreadTimesTest, SaysThatThereIsNoSuchThread) {
  pid_t gone = 0;
  std::thread([&] { gone = gettid(); }).join();
  for (pid_t thread : {gone, kNoThread}) {
    const absl::Status status = ReadThreadTimes(thread).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(status.message(), "there is no thread " + std::to_string(thread));
  }
}

// A folder as the kernel's, of the calling thread, to be written by the test.
class ThreadTimesFileTest : public ::testing::Test {
 protected:
  ThreadTimesFileTest() { std::filesystem::create_directories(Folder()); }
  ~ThreadTimesFileTest() override { std::filesystem::remove_all(tasks_); }

  void Write(const std::string& file, const std::string& text) {
    std::ofstream(Folder() / file) << text;
  }
  absl::StatusOr<ThreadTimes> Read() {
    return ReadThreadTimes(gettid(), tasks_);
  }

 private:
  std::filesystem::path Folder() const {
    return std::filesystem::path(tasks_) / std::to_string(gettid());
  }
  const std::string tasks_ =
      ::testing::TempDir() + "tasks." + std::to_string(getpid());
};

constexpr char kStatus[] =
    "Name:\tnonvoluntary\nState:\tD (disk sleep)\n"
    "voluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t7\n";

TEST_F(ThreadTimesFileTest, AreUnderstood) {
  Write("status", kStatus);
  Write("schedstat", "5000 6000 3\n");
  const ThreadTimes times = Read().value();
  EXPECT_TRUE(times.blocked);
  EXPECT_EQ(times.voluntary_switches, 12);
  EXPECT_EQ(times.run_delay, nanoseconds(6000));
}

TEST_F(ThreadTimesFileTest, MayLackTheWaitForACpu) {
  Write("status", kStatus);
  EXPECT_EQ(Read().value().run_delay, nanoseconds(0));
}

TEST_F(ThreadTimesFileTest, AreNamedWhenTheyAreNotUnderstood) {
  const auto expect_error = [&](const std::string& says) {
    const absl::Status status = Read().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()), HasSubstr(says));
  };
  expect_error("/status: No such file");
  Write("status", "Name:\tx\n");
  expect_error("/status has no state");
  Write("status", "State:\tR (running)\nvoluntary_ctxt_switches:\tmany\n");
  expect_error("/status has no number of voluntary_ctxt_switches");
  Write("status", kStatus);
  Write("schedstat", "5000\n");
  expect_error("/schedstat has no second number");
}

constexpr nanoseconds kWall = milliseconds(100);
constexpr ThreadTimes kBefore = {.cpu = milliseconds(1000),
                                 .run_delay = milliseconds(500),
                                 .voluntary_switches = 9};

// Had a CPU for `cpu` of the wall time, and was counted as waiting for `delay`.
ThreadTimes After(nanoseconds cpu, nanoseconds delay) {
  ThreadTimes times = kBefore;
  times.cpu += cpu;
  times.run_delay += delay;
  return times;
}

TEST(NotGivenTest, IsAllTimeWithoutACpuIfTheThreadDidNotBlock) {
  for (milliseconds delay : {milliseconds(0), milliseconds(80)}) {
    EXPECT_EQ(NotGiven(kBefore, After(milliseconds(20), delay), kWall),
              milliseconds(80));
  }
}

TEST(NotGivenTest, IsNothingIfTheThreadHadItsCpu) {
  EXPECT_EQ(NotGiven(kBefore, After(kWall, nanoseconds(0)), kWall),
            nanoseconds(0));
  // The two were read a moment apart.
  EXPECT_EQ(NotGiven(kBefore, After(kWall * 2, milliseconds(3)), kWall),
            nanoseconds(0));
}

TEST(NotGivenTest, IsTheWaitForACpuIfTheThreadBlocked) {
  ThreadTimes before = kBefore;
  ThreadTimes after = After(milliseconds(20), milliseconds(30));
  after.voluntary_switches += 1;  // And goes on.
  EXPECT_EQ(NotGiven(before, after, kWall), milliseconds(30));
  after.blocked = true;  // And still is.
  EXPECT_EQ(NotGiven(before, after, kWall), milliseconds(30));
  before.blocked = true;  // Once more.
  EXPECT_EQ(NotGiven(before, after, kWall), milliseconds(30));
  after = After(milliseconds(20), milliseconds(30));  // It was, and goes on.
  EXPECT_EQ(NotGiven(before, after, kWall), milliseconds(30));
  before.blocked = false;
  after.blocked = true;  // It is about to.
  EXPECT_EQ(NotGiven(before, after, kWall), milliseconds(30));
}

TEST(NotGivenTest, IsNoMoreThanTheTimeWithoutACpu) {
  ThreadTimes after = After(milliseconds(20), milliseconds(400));
  after.voluntary_switches += 1;
  EXPECT_EQ(NotGiven(kBefore, after, kWall), milliseconds(80));
}

}  // namespace
}  // namespace pinion
