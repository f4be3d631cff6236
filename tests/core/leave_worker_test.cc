// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/leave_worker.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/cpu/affinity.h"
#include "pinion/core/scheduler.h"

namespace pinion {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::minutes kLong{1};

// What a thread inherits.
struct Kind {
  std::vector<int> cpus;
  int policy;
  std::string name;

  bool operator==(const Kind&) const = default;
};

Kind KindOfThisThread() {
  Kind kind = {.cpus = AllowedCpus().value(),
               .policy = sched_getscheduler(0),
               .name = std::string(16, '\0')};
  pthread_getname_np(pthread_self(), kind.name.data(), kind.name.size());
  kind.name.resize(kind.name.find('\0'));
  return kind;
}

// Runs `function` on a worker that is pinned to one CPU.
template <typename Function>
void OnAWorker(Function function) {
  auto scheduler = Scheduler::Start({.workers = 1}).value();
  scheduler->AddTask(0, [&](WakeReasons) { function(); })->Wake();
  ASSERT_TRUE(scheduler->Drain(kLong).ok());
}

TEST(LeaveWorkerTest, ResetsTheCpusThePolicyAndTheNameOfAWorkersThread) {
  Kind worker, before, after, next;
  absl::Status left;
  OnAWorker([&] {
    worker = KindOfThisThread();
    std::thread([&] {
      before = KindOfThisThread();
      left = LeaveWorker("cart-writer");
      after = KindOfThisThread();
      std::thread([&] { next = KindOfThisThread(); }).join();
    }).join();
  });
  EXPECT_EQ(worker.name, "pinion-w0");
  EXPECT_EQ(before, worker);  // Why it is needed.
  EXPECT_TRUE(left.ok()) << left;
  EXPECT_EQ(after, (Kind{.cpus = AllowedCpus(getpid()).value(),
                         .policy = SCHED_OTHER,
                         .name = "cart-writer"}));
  EXPECT_EQ(next, after) << "a thread that it makes";
}

TEST(LeaveWorkerTest, RefusesTheWorkerItself) {
  Kind before, after;
  absl::Status left;
  OnAWorker([&] {
    before = KindOfThisThread();
    left = LeaveWorker("cart-writer");
    after = KindOfThisThread();
  });
  EXPECT_EQ(left.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(left.message()), HasSubstr("worker 0 itself"));
  EXPECT_EQ(after, before);
}

TEST(LeaveWorkerTest, RefusesANameThatTheKernelWouldNotTake) {
  for (const std::string& name : {std::string(), std::string(16, 'x')}) {
    const absl::Status left = LeaveWorker(name);
    EXPECT_EQ(left.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(left.message()),
                HasSubstr(std::to_string(name.size()) + " bytes"));
  }
}

}  // namespace
}  // namespace pinion
