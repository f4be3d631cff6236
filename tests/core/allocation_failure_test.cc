// SPDX-License-Identifier: Apache-2.0
//
// What is made of many parts is made whole or not at all, whichever allocation
// fails in the midst of it. This program's operator new fails when told to.
// Built without exceptions there is nothing to test: the first that fails ends
// the program.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <utility>

#include "absl/base/config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_lists.h"

#ifdef ABSL_HAVE_EXCEPTIONS

namespace {

// How many allocations of this thread are left until one fails; 0: none does.
thread_local int allocations_left = 0;
std::atomic<int> allocated{0};

void* Allocate(size_t size, size_t alignment) {
  if (allocations_left > 0 && --allocations_left == 0) throw std::bad_alloc();
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, size) != 0) throw std::bad_alloc();
  ++allocated;
  return memory;
}

void Free(void* memory) {
  if (memory == nullptr) return;
  --allocated;
  free(memory);
}

}  // namespace

void* operator new(size_t size) { return Allocate(size, 16); }
void* operator new(size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete(void* memory, size_t) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  Free(memory);
}

namespace pinion {
namespace {

constexpr std::chrono::minutes kLong{1};
constexpr int kWorkers = 3;

struct Job : WorkItem {};

// Calls `function` with its first allocation failing, then with its second, and
// so on until it needs no more; and `look` after each that has failed. Returns
// how many have.
int FailEach(const std::function<void()>& function,
             const std::function<void()>& look) {
  for (int nth = 1;; ++nth) {
    SCOPED_TRACE(::testing::Message() << "allocation " << nth << " fails");
    bool threw = false;
    allocations_left = nth;
    try {
      function();
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    const bool failed = std::exchange(allocations_left, 0) == 0;
    EXPECT_EQ(threw, failed);
    if (!failed || !threw) return nth - 1;
    look();
  }
}

class AllocationFailureTest : public ::testing::Test {
 protected:
  // Lists whose functions count themselves by `token_`.
  WorkLists<Job>* MakeLists() {
    return WorkLists<Job>::Create(
               *scheduler_, {.name = "a name too long to be held in place"},
               [this, token = token_](int, WorkBatch& batch) {
                 while (batch.Pop<Job>()) ++handled_;
               })
        .value();
  }

  FakeClock time_;
  std::unique_ptr<Scheduler> scheduler_ =
      Scheduler::Manual({.workers = kWorkers}, time_.clock());
  std::shared_ptr<int> token_ = std::make_shared<int>();
  int handled_ = 0;
};

TEST_F(AllocationFailureTest, OfListsThatCannotBeMadeWholeNoneIsMade) {
  const int failures = FailEach([&] { MakeLists(); },
                                [&] {
                                  EXPECT_EQ(token_.use_count(), 1)
                                      << "a function is left";
                                  // What is left of the tasks is let go.
                                  scheduler_->RunUntilIdle(/*seed=*/1);
                                });
  EXPECT_GE(failures, 4 * kWorkers) << "a list, a task, its name, its function";
  EXPECT_EQ(token_.use_count(), 2) << "of those that were made in the end";
  EXPECT_TRUE(scheduler_->Drain(kLong).ok());
}

TEST_F(AllocationFailureTest, ListsMadeAfterAFailureWorkAsIfThereHadBeenNone) {
  WorkLists<Job>* lists = nullptr;
  FailEach([&] { lists = MakeLists(); }, [] {});
  Job jobs[kWorkers];
  for (int i = 0; i < kWorkers; ++i) lists->Add(i, &jobs[i]);
  scheduler_->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(handled_, kWorkers);
  EXPECT_TRUE(scheduler_->Drain(kLong).ok());
  EXPECT_TRUE(scheduler_->Stop(kLong).ok());
}

TEST_F(AllocationFailureTest, NothingOfAFailureIsLeftWhenTheSchedulerHasGone) {
  scheduler_.reset();
  FailEach([] {}, [] {});  // What the test itself keeps is there from now on.
  const int before = allocated;
  scheduler_ = Scheduler::Manual({.workers = kWorkers}, time_.clock());
  FailEach([&] { MakeLists(); }, [] {});
  scheduler_.reset();
  EXPECT_EQ(allocated, before);
}

// A task's function is let go where it is made, so its maker may go on.
TEST_F(AllocationFailureTest, ATaskThatCannotBeMadeIsNotThere) {
  FailEach(
      [&] {
        scheduler_->AddTask(
            0, {.name = "a name too long to be held in place"},
            [token = token_, this](WakeReasons) { ++handled_; });
      },
      [&] { EXPECT_EQ(token_.use_count(), 1); });
  EXPECT_EQ(token_.use_count(), 2);
}

TEST(SchedulerAllocationFailureTest, NoWorkerIsLeftOfThoseThatCannotAllStart) {
  const SchedulerOptions options = {.workers = kWorkers,
                                    .cpu_policy = CpuPolicy::kFloat};
  ASSERT_TRUE(Scheduler::Start(options).ok());  // What is made once is made.
  const int before = allocated;
  int failures = 0;
  for (int nth = 1;; ++nth, ++failures) {
    std::unique_ptr<Scheduler> scheduler;
    allocations_left = nth;
    try {
      // Some of it is the C++ library's own reading of files, which takes a
      // failure for an error of the file.
      auto started = Scheduler::Start(options);
      if (started.ok()) scheduler = *std::move(started);
    } catch (const std::bad_alloc&) {
    }
    // It has returned, so it waits for no worker that never was.
    if (std::exchange(allocations_left, 0) != 0) break;
  }
  EXPECT_GE(failures, kWorkers);
  EXPECT_EQ(allocated, before);
}

}  // namespace
}  // namespace pinion

#endif  // ABSL_HAVE_EXCEPTIONS
