// SPDX-License-Identifier: Apache-2.0
//
// CountedPhase: which batches of a run count, and the marks at which callgrind
//               begins and ends to count. What comes before and after is left
//               out: the process's start and end, and the first batches.
//
// Threads: one at a time.
// Example: CountedPhase phase(PlanOfFlags());
//          phase.EndBatch();  // After each.
#ifndef PINION_TESTS_BENCH_INSTRUCTIONS_COUNTED_PHASE_H_
#define PINION_TESTS_BENCH_INSTRUCTIONS_COUNTED_PHASE_H_

#include "absl/functional/function_ref.h"

namespace pinion::bench {

// The next three do nothing but for callgrind, which count.py tells their
// names.

void CountingBegins();
void CountingEnds();

// Calls `look`, whose instructions do not count.
void NotCounted(absl::FunctionRef<void()> look);

// What the two sides of a run agree on.
struct BatchPlan {
  int in_batch;  // Calls.
  int warm_up;   // Batches that do not count.
  int batches;   // Batches that count.
};

// From the flags --in_batch, --warm_up and --batches. Ends the program if one
// is out of range.
BatchPlan PlanOfFlags();

class CountedPhase {
 public:
  enum class Mark { kNone, kBegin, kEnd };

  explicit CountedPhase(const BatchPlan& plan) : plan_(plan) {}

  // A batch is over. Makes callgrind begin or end where that is due, and
  // returns which of them it was.
  Mark EndBatch();

 private:
  const BatchPlan plan_;
  int ended_ = 0;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_INSTRUCTIONS_COUNTED_PHASE_H_
