// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/stacks/thread_stacks.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/stacks/stack_slot.h"
#include "pinion/server/testing/gate.h"

namespace pinion {

// Not inlined, and with an instruction after the call, so that each has a frame
// of its own.
__attribute__((noinline)) void HeldForItsStack(testing::Gate& gate) {
  gate.Pass();
  asm volatile("");
}
__attribute__((noinline)) void SpinsForItsStack(std::atomic<bool>& ended) {
  while (!ended.load(std::memory_order_relaxed)) {
  }
  asm volatile("");
}
__attribute__((noinline)) void IsHeldDeep(int depth, testing::Gate& gate) {
  if (depth == 0) return HeldForItsStack(gate);
  IsHeldDeep(depth - 1, gate);
  asm volatile("");
}

namespace {

using ::pinion::testing::Gate;
using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// For a thread that does answer: a busy machine may take its time.
constexpr std::chrono::seconds kPatient{60};

// A thread, and its number.
class Thread {
 public:
  template <typename Function>
  explicit Thread(Function function)
      : thread_([this, function = std::move(function)] {
          id_ = gettid();
          known_.Open();
          function();
        }) {
    known_.Pass();
  }
  ~Thread() { Join(); }

  void Join() {
    if (thread_.joinable()) thread_.join();
  }
  pid_t id() const { return id_; }

 private:
  Gate known_;
  pid_t id_ = 0;
  std::thread thread_;
};

void Mask(int how) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGURG);
  pthread_sigmask(how, &set, nullptr);
}

TEST(ThreadStacksTest, NamesTheFunctionThatHoldsAThread) {
  Gate gate;
  Thread thread([&] { HeldForItsStack(gate); });
  gate.AwaitArrivals(1);
  const auto stack = ThreadStacks::Take(thread.id(), kPatient);
  gate.Open();
  ASSERT_TRUE(stack.ok()) << stack.status();
  EXPECT_THAT(*stack, Contains(HasSubstr("pinion::HeldForItsStack")));
  // Those of the handler are left out.
  EXPECT_THAT(*stack, Not(Contains(HasSubstr("OnSignal"))));
}

TEST(ThreadStacksTest, NamesTheFunctionThatComputes) {
  std::atomic<bool> ended{false};
  Thread thread([&] { SpinsForItsStack(ended); });
  const absl::Cleanup end = [&] { ended = true; };
  // It may not be there yet at first.
  std::vector<std::string> names;
  while (names.empty() ||
         !::testing::Value(names, Contains(HasSubstr("SpinsForItsStack")))) {
    const auto stack = ThreadStacks::Take(thread.id(), kPatient);
    ASSERT_TRUE(stack.ok()) << stack.status();
    names = *stack;
  }
}

TEST(ThreadStacksTest, TakesTheInnermostFramesOfADeepStack) {
  Gate gate;
  Thread thread([&] { IsHeldDeep(200, gate); });
  gate.AwaitArrivals(1);
  const auto stack = ThreadStacks::Take(thread.id(), kPatient);
  gate.Open();
  ASSERT_TRUE(stack.ok()) << stack.status();
  EXPECT_LE(stack->size(), size_t{StackSlot::kMaxFrames});
  EXPECT_THAT(*stack, Contains(HasSubstr("pinion::HeldForItsStack")));
  EXPECT_THAT(*stack, Contains(HasSubstr("pinion::IsHeldDeep")));
}

TEST(ThreadStacksTest, TakesTheCallersOwnStack) {
  const auto stack = ThreadStacks::Take(gettid(), kPatient);
  ASSERT_TRUE(stack.ok()) << stack.status();
  EXPECT_THAT(*stack, Contains(HasSubstr("ThreadStacks::Take")));
}

TEST(ThreadStacksTest, SaysThatThereIsNoSuchThread) {
  Thread thread([] {});
  thread.Join();
  // The kernel may still have it for a moment.
  absl::Status status;
  while (true) {
    status = ThreadStacks::Take(thread.id(), milliseconds(1)).status();
    if (status.code() != absl::StatusCode::kDeadlineExceeded) break;
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_EQ(ThreadStacks::Take(0).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ThreadStacks::Take(-1).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(ThreadStacksTest, GivesUpAThreadThatHasBlockedTheSignalAndSaysSo) {
  Gate blocks, unblocked, gate;
  Thread thread([&] {
    Mask(SIG_BLOCK);
    blocks.Pass();
    Mask(SIG_UNBLOCK);  // The handler comes, late.
    unblocked.Open();
    HeldForItsStack(gate);
  });
  blocks.AwaitArrivals(1);
  const auto stack = ThreadStacks::Take(thread.id(), milliseconds(10));
  EXPECT_EQ(stack.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(stack.status().message(),
            "the thread did not answer within 10 ms: it has blocked SIGURG");

  // Another one is not kept from answering, and has its own stack.
  Gate other_gate;
  Thread other([&] { HeldForItsStack(other_gate); });
  other_gate.AwaitArrivals(1);
  EXPECT_TRUE(ThreadStacks::Take(other.id(), kPatient).ok());

  blocks.Open();
  unblocked.Pass();
  gate.AwaitArrivals(1);
  const auto late = ThreadStacks::Take(thread.id(), kPatient);
  EXPECT_TRUE(late.ok()) << late.status();
  gate.Open();
  other_gate.Open();
}

TEST(ThreadStacksTest, ASignalOfSomebodyElseDoesNothing) {
  ASSERT_TRUE(ThreadStacks::Prepare().ok());
  ASSERT_EQ(raise(SIGURG), 0);
  Gate gate;
  Thread thread([&] { HeldForItsStack(gate); });
  gate.AwaitArrivals(1);
  EXPECT_TRUE(ThreadStacks::Take(thread.id(), kPatient).ok());
  gate.Open();
}

TEST(ThreadStacksTest, LeavesErrnoAsItWas) {
  std::atomic<bool> ready{false};
  std::atomic<bool> ended{false};
  int seen = 0;
  Thread thread([&] {
    errno = 77;
    ready = true;
    SpinsForItsStack(ended);
    seen = errno;
  });
  absl::Cleanup end = [&] { ended = true; };
  while (!ready) std::this_thread::yield();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(ThreadStacks::Take(thread.id(), kPatient).ok());
  }
  std::move(end).Invoke();
  thread.Join();
  EXPECT_EQ(seen, 77);
}

TEST(ThreadStacksTest, SendsNothingOnceTheProgramHasAHandlerOfItsOwn) {
  ASSERT_TRUE(ThreadStacks::Prepare().ok());
  static std::atomic<int> calls{0};
  struct sigaction theirs = {};
  struct sigaction ours;
  theirs.sa_handler = [](int) { ++calls; };
  ASSERT_EQ(sigaction(SIGURG, &theirs, &ours), 0);
  const absl::Status status = ThreadStacks::Take(gettid()).status();
  ASSERT_EQ(sigaction(SIGURG, &ours, nullptr), 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the program has set a handler of its own for SIGURG"));
  EXPECT_EQ(calls, 0);
}

TEST(ThreadStacksTest, ManyTakersGetTheStackThatEachAsksForUnderLoad) {
  constexpr int kThreads = 4;
  constexpr int kTakers = 3;
  constexpr int kRounds = 20;
  Gate gate;
  std::atomic<bool> ended{false};
  // One computes, and the others are held.
  std::vector<std::unique_ptr<Thread>> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.push_back(std::make_unique<Thread>([&, i] {
      if (i > 0) {
        HeldForItsStack(gate);
      } else {
        SpinsForItsStack(ended);
      }
    }));
  }
  gate.AwaitArrivals(kThreads - 1);
  std::vector<std::thread> takers;
  for (int taker = 0; taker < kTakers; ++taker) {
    takers.emplace_back([&, taker] {
      for (int i = 0; i < kRounds; ++i) {
        const int of = (taker + i) % kThreads;
        const auto stack = ThreadStacks::Take(threads[of]->id(), kPatient);
        ASSERT_TRUE(stack.ok()) << stack.status();
        EXPECT_THAT(*stack,
                    Not(Contains(HasSubstr(of > 0 ? "SpinsForItsStack"
                                                  : "HeldForItsStack"))));
        if (of > 0) {
          EXPECT_THAT(*stack, Contains(HasSubstr("HeldForItsStack")));
        }
      }
    });
  }
  for (std::thread& taker : takers) taker.join();
  gate.Open();
  ended = true;
}

}  // namespace
}  // namespace pinion
