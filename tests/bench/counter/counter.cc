// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/counter/counter.h"

#include <algorithm>
#include <limits>

#include "pinion/core/base/check.h"
#include "pinion/core/monotonic_nanos.h"

namespace pinion::bench {

double RoundsPerMicrosecond() {
  // Each some 20 us: long against a reading of the clock, short against what
  // the system lets a thread have at once.
  constexpr uint32_t kRounds = 10'000;
  constexpr int kTrials = 1000;
  AddRequest request;
  request.set_by(1);
  request.set_work_rounds(kRounds);
  Counter counter;
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int trial = 0; trial < kTrials; ++trial) {
    const int64_t begun = MonotonicNanos();
    PINION_CHECK(counter.Add(request) == trial + 1, "a counter lost its count");
    least = std::min(least, MonotonicNanos() - begun);
  }
  PINION_CHECK(counter.digest() != 0, "no work was done");
  return kRounds * 1e3 / static_cast<double>(least);
}

}  // namespace pinion::bench
