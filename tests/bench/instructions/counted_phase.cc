// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/instructions/counted_phase.h"

#include "absl/base/attributes.h"
#include "absl/flags/flag.h"
#include "pinion/tests/bench/support/program.h"

ABSL_FLAG(int, in_batch, 64, "how many calls a batch has; 1 to 1000");
ABSL_FLAG(int, warm_up, 40, "how many batches do not count; 1 to 1000000");
ABSL_FLAG(int, batches, 200, "how many batches count; 1 to 1000000");

// How many CPUs the machine has, for Abseil, whose locks spin if it has
// several. callgrind runs one thread at a time: a thread that spins for another
// one waits in vain, and counts.
extern "C" int get_nprocs() noexcept { return 1; }

namespace pinion::bench {
namespace {

// Keeps the compiler from dropping the call of a function that does nothing.
void DoNothing() { asm volatile("" ::: "memory"); }

}  // namespace

ABSL_ATTRIBUTE_NOINLINE void CountingBegins() { DoNothing(); }

ABSL_ATTRIBUTE_NOINLINE void CountingEnds() { DoNothing(); }

ABSL_ATTRIBUTE_NOINLINE void NotCounted(absl::FunctionRef<void()> look) {
  look();
  DoNothing();  // So that this is no jump, after which all would count.
}

BatchPlan PlanOfFlags() {
  return {.in_batch = CheckedFlag(FLAGS_in_batch, 1, 1000),
          .warm_up = CheckedFlag(FLAGS_warm_up, 1, 1'000'000),
          .batches = CheckedFlag(FLAGS_batches, 1, 1'000'000)};
}

CountedPhase::Mark CountedPhase::EndBatch() {
  ++ended_;
  if (ended_ == plan_.warm_up) {
    CountingBegins();
    return Mark::kBegin;
  }
  if (ended_ == plan_.warm_up + plan_.batches) {
    CountingEnds();
    return Mark::kEnd;
  }
  return Mark::kNone;
}

}  // namespace pinion::bench
