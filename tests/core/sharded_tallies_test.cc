// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/sharded_tallies.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/core/thread_index.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;

constexpr size_t kCells = 20;  // More than one line of the cache.

void Elsewhere(const std::function<void()>& function) {
  std::thread(function).join();
}

// Runs `function` on `count` threads at once, with 0 to `count` - 1.
void OnThreads(int count, const std::function<void(int)>& function) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(function, i);
  for (std::thread& thread : threads) thread.join();
}

// Threads that have all the indexes for which there is a shard, so that those
// made later share one.
class Crowd {
 public:
  Crowd() {
    for (int i = 0; i < ShardedTallies::kMaxThreads; ++i) {
      threads_.emplace_back([this] {
        ThreadIndex();
        here_.Pass();
      });
    }
    here_.AwaitArrivals(ShardedTallies::kMaxThreads);
  }
  ~Crowd() {
    here_.Open();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  Gate here_;
  std::vector<std::thread> threads_;
};

TEST(ShardedTalliesTest, BeginsWithNothing) {
  const ShardedTallies tallies(kCells);
  for (size_t cell = 0; cell < kCells; ++cell) EXPECT_EQ(tallies.Sum(cell), 0u);
}

TEST(ShardedTalliesTest, KeepsItsCellsApart) {
  ShardedTallies tallies(kCells);
  for (size_t cell = 0; cell < kCells; ++cell) tallies.Add(cell, cell + 1);
  for (size_t cell = 0; cell < kCells; ++cell) {
    EXPECT_EQ(tallies.Sum(cell), cell + 1);
  }
}

TEST(ShardedTalliesTest, IsApartFromOthers) {
  ShardedTallies tallies(1), others(1);
  tallies.Add(0, 3);
  EXPECT_EQ(others.Sum(0), 0u);
}

TEST(ShardedTalliesTest, SumsWhatManyThreadsAdd) {
  constexpr int kThreads = 8;
  constexpr uint64_t kEach = 20'000;
  ShardedTallies tallies(kCells);
  OnThreads(kThreads, [&](int) {
    for (uint64_t i = 0; i < kEach; ++i) tallies.Add(i % kCells, 2);
  });
  for (size_t cell = 0; cell < kCells; ++cell) {
    EXPECT_EQ(tallies.Sum(cell), kThreads * kEach / kCells * 2);
  }
}

TEST(ShardedTalliesTest, KeepsWhatThreadsThatEndedHaveAdded) {
  constexpr int kRows = 4, kInRow = 100;
  ShardedTallies tallies(1);
  OnThreads(kRows, [&](int) {
    for (int i = 0; i < kInRow; ++i) Elsewhere([&] { tallies.Add(0, 1); });
  });
  EXPECT_EQ(tallies.Sum(0), uint64_t{kRows} * kInRow);
}

TEST(ShardedTalliesTest, CountsDownWhatAnotherThreadHasCountedUp) {
  ShardedTallies tallies(1);
  tallies.Add(0, 5);
  Elsewhere([&] { tallies.Add(0, -3); });
  EXPECT_EQ(tallies.Sum(0), 2u);
}

TEST(ShardedTalliesTest, SumsWhatMoreThreadsAddThanHaveAShardOfTheirOwn) {
  constexpr int kThreads = 8;
  constexpr uint64_t kEach = 5000;
  ShardedTallies tallies(kCells);
  Elsewhere([&] { tallies.Add(0, 1); });
  const Crowd crowd;
  OnThreads(kThreads, [&](int) {
    EXPECT_GE(ThreadIndex(), ShardedTallies::kMaxThreads);
    for (uint64_t i = 0; i < kEach; ++i) tallies.Add(0, 1);
  });
  EXPECT_EQ(tallies.Sum(0), kThreads * kEach + 1);
}

TEST(ShardedTalliesTest, ASumNeverShrinksWhileThreadsComeAndAdd) {
  constexpr int kThreads = 40;
  constexpr uint64_t kEach = 100;
  ShardedTallies tallies(1);
  std::thread adder([&] {
    OnThreads(kThreads, [&](int) {
      for (uint64_t i = 0; i < kEach; ++i) tallies.Add(0, 1);
    });
  });
  uint64_t last = 0;
  bool shrank = false;
  while (last < kThreads * kEach) {
    const uint64_t sum = tallies.Sum(0);
    shrank |= sum < last;
    last = sum;
  }
  EXPECT_FALSE(shrank);
  adder.join();
}

// What a thread wrote before it added is read, not atomically, by one who sees
// the addition.
void ExpectThatWhatHappenedBeforeIsSeen() {
  constexpr uint64_t kAdditions = 100'000;
  ShardedTallies tallies(1);
  std::vector<uint64_t> written(kAdditions + 1);
  std::thread writer([&] {
    for (uint64_t i = 1; i <= kAdditions; ++i) {
      written[i] = i;
      tallies.Add(0, 1);
    }
  });
  uint64_t seen = 0;
  bool in_order = true;
  while (seen < kAdditions) {
    seen = tallies.Sum(0);
    in_order &= written[seen] == seen;
  }
  EXPECT_TRUE(in_order);
  writer.join();
}

TEST(ShardedTalliesOrderTest, WhoSeesAnAdditionSeesWhatHappenedBeforeIt) {
  ExpectThatWhatHappenedBeforeIsSeen();
}

TEST(ShardedTalliesOrderTest, ThatHoldsForASharedShardToo) {
  const Crowd crowd;
  ExpectThatWhatHappenedBeforeIsSeen();
}

// One thread begins calls, of which it tells another, which ends them. Both
// have yet to make their shards.
void ExpectThatNoneIsSeenToEndBeforeItBegan(uint64_t calls) {
  enum { kBegun, kEnded, kCount };
  ShardedTallies tallies(kCount);
  std::atomic<uint64_t> told{0};
  std::thread begins([&] {
    for (uint64_t call = 1; call <= calls; ++call) {
      tallies.Add(kBegun, 1);
      // Release, with the acquire below: the addition to kBegun is before the
      // one to kEnded.
      told.store(call, std::memory_order_release);
    }
  });
  std::thread ends([&] {
    for (uint64_t call = 1; call <= calls; ++call) {
      while (told.load(std::memory_order_acquire) < call) {
        std::this_thread::yield();
      }
      tallies.Add(kEnded, 1);
    }
  });
  uint64_t ended = 0;
  bool in_order = true;
  while (ended < calls) {
    ended = tallies.Sum(kEnded);
    in_order &= tallies.Sum(kBegun) >= ended;
  }
  EXPECT_TRUE(in_order);
  begins.join();
  ends.join();
}

TEST(ShardedTalliesOrderTest, NoCallIsSeenToEndBeforeItBegan) {
  ExpectThatNoneIsSeenToEndBeforeItBegan(/*calls=*/1'000'000);
}

TEST(ShardedTalliesOrderTest, ThatHoldsForTheFirstAdditionsOfThreadsToo) {
  for (int i = 0; i < 100; ++i) {
    ExpectThatNoneIsSeenToEndBeforeItBegan(/*calls=*/3);
  }
}

TEST(ShardedTalliesOrderTest, ThatHoldsForASharedShardAsWell) {
  const Crowd crowd;
  ExpectThatNoneIsSeenToEndBeforeItBegan(/*calls=*/20'000);
}

#ifndef NDEBUG
TEST(ShardedTalliesDeathTest, StopsAtACellThatThereIsNot) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  ShardedTallies tallies(3);
  EXPECT_DEATH(tallies.Add(3, 1), "there is no cell 3; there are 0 to 2");
}
#endif

}  // namespace
}  // namespace pinion
