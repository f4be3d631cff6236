// SPDX-License-Identifier: Apache-2.0
//
// SeededRuns: many short runs of a test, each with a seed of its own; the seed
// of the last is printed, also when that run crashes or hangs.
//
// Threads: the test's; one at a time in a program.
// Example: SeededRuns runs({.max_runs = 99, .time = std::chrono::seconds(60)});
//          while (!HasFailure() && runs.Next()) Try(runs.seed());
//          bazel test --test_env=PINION_SEED=17 ...       // that run alone
#ifndef PINION_TESTS_SUPPORT_SEEDED_RUNS_H_
#define PINION_TESTS_SUPPORT_SEEDED_RUNS_H_

#include <chrono>
#include <cstdint>

namespace pinion::testing {

struct SeededRunsOptions {
  // How many runs are made, if they fit into that time.
  int max_runs = 1;
  std::chrono::nanoseconds time{0};
};

class SeededRuns {
 public:
  explicit SeededRuns(const SeededRunsOptions& options);
  ~SeededRuns();  // Prints how many there were, and the seed of the last.
  SeededRuns(const SeededRuns&) = delete;
  SeededRuns& operator=(const SeededRuns&) = delete;

  // Whether another run is to be made: it has the seed seed().
  bool Next();
  uint64_t seed() const { return first_ + static_cast<uint64_t>(made_) - 1; }

  // Whether the seed was given, so that somebody wants to know all of its run.
  bool replays() const { return replays_; }

 private:
  const bool replays_;
  const int max_runs_;
  const uint64_t first_;
  const std::chrono::steady_clock::time_point end_;
  int made_ = 0;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_SEEDED_RUNS_H_
