// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/thread_index.h"

#include <pthread.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::testing::Each;
using ::testing::ElementsAre;

// What the next thread to ask is given.
int IndexOfAnotherThread() {
  int index = -1;
  std::thread([&] { index = ThreadIndex(); }).join();
  return index;
}

TEST(ThreadIndexTest, IsTheSameAtEachCall) {
  const int index = ThreadIndex();
  EXPECT_GE(index, 0);
  IndexOfAnotherThread();
  EXPECT_EQ(ThreadIndex(), index);
}

TEST(ThreadIndexTest, ThreadsThatLiveTogetherHaveTheLowestNumbersEachItsOwn) {
  std::vector<int> indexes(6);
  indexes[5] = ThreadIndex();
  Gate all;
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&, i] {
      indexes[i] = ThreadIndex();
      all.Pass();
    });
  }
  all.AwaitArrivals(5);
  all.Open();
  for (std::thread& thread : threads) thread.join();
  std::sort(indexes.begin(), indexes.end());
  EXPECT_THAT(indexes, ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(ThreadIndexTest, ANumberIsGivenBackAtTheEndOfItsThread) {
  const int first = IndexOfAnotherThread();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(IndexOfAnotherThread(), first);
}

TEST(ThreadIndexTest, WhoGetsAUsedNumberSeesWhatWasDoneWithIt) {
  constexpr int kRows = 4, kInRow = 100;
  // Not atomic: written by one thread after the other, each of which is
  // ordered behind the one before by nothing but the number.
  std::vector<int> counts(kRows + 1 + kRows);
  std::vector<std::thread> rows;
  for (int row = 0; row < kRows; ++row) {
    rows.emplace_back([&] {
      for (int i = 0; i < kInRow; ++i) {
        std::thread([&] { ++counts.at(ThreadIndex()); }).join();
      }
    });
  }
  for (std::thread& row : rows) row.join();
  int sum = 0;
  for (int count : counts) sum += count;
  EXPECT_EQ(sum, kRows * kInRow);
}

// Asks for the number of the thread when that ends.
class AsksAtTheEnd {
 public:
  explicit AsksAtTheEnd(int& index) : index_(index) {}
  ~AsksAtTheEnd() { index_ = ThreadIndex(); }

 private:
  int& index_;
};

TEST(ThreadIndexTest, AThreadHasItsNumberUntilItsThreadLocalsAreGone) {
  int in_life = -1, at_the_end = -2;
  std::thread([&] {
    // Is destroyed after all that is made later.
    thread_local AsksAtTheEnd asks(at_the_end);
    in_life = ThreadIndex();
  }).join();
  EXPECT_EQ(at_the_end, in_life);
}

TEST(ThreadIndexTest, WhatIsAskedForAfterItWasGivenBackIsGivenBackToo) {
  const int free = IndexOfAnotherThread();
  // A key's turn is after those that were made before it.
  pthread_key_t key;
  ASSERT_EQ(
      pthread_key_create(
          &key, [](void* index) { *static_cast<int*>(index) = ThreadIndex(); }),
      0);
  std::vector<int> late(20, -1);
  for (int& index : late) {
    std::thread([&] {
      ThreadIndex();
      pthread_setspecific(key, &index);
    }).join();
  }
  EXPECT_THAT(late, Each(free));
  EXPECT_EQ(IndexOfAnotherThread(), free);
  pthread_key_delete(key);
}

}  // namespace
}  // namespace pinion
