// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/load_counts.h"

#include <map>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace pinion::cli {
namespace {

TEST(LoadCountsTest, LosesNothingOfManyThreads) {
  LoadCounts counts;
  std::vector<std::thread> threads;
  // More than there are counters.
  for (int thread = 0; thread < 20; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 1; i <= 1000; ++i) {
        counts.Succeeded(i);
        counts.WithinTime();
        counts.Failed(thread, {.code = 8, .reason = thread % 2});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const LoadCounts::State state = counts.Look();
  EXPECT_EQ(state.succeeded.total(), 20'000u);
  EXPECT_EQ(state.succeeded.mean(), 500.5);
  EXPECT_EQ(state.succeeded.max(), 1000);
  EXPECT_EQ(state.within_time, 20'000u);
  EXPECT_EQ(state.failed.total(), 20'000u);
  EXPECT_EQ(state.errors, (std::map<ErrorKind, uint64_t>{{{8, 0}, 10'000u},
                                                         {{8, 1}, 10'000u}}));
}

TEST(LoadCountsTest, ErrorsOfUnknownKindsAreCountedToo) {
  LoadCounts counts;
  counts.Failed(1, {.code = 99, .reason = -1});
  counts.Failed(1, {.code = -5, .reason = 1000});
  EXPECT_EQ(counts.Look().errors,
            (std::map<ErrorKind, uint64_t>{{{2, 0}, 2u}}));
}

}  // namespace
}  // namespace pinion::cli
