// SPDX-License-Identifier: Apache-2.0
//
// MeasureRounds: has all contenders measured in turns, round after round, and
//                shows how far it is.
//
// Threads: plain function; the owner of the contenders.
// Example: MeasureRounds(plan.rounds, plan.in_flight, contenders,
//                        CallsInFlight, [&](Contender& one, int in_flight) {
//                          ...
//                          return absl::OkStatus();
//                        });
#ifndef PINION_TESTS_BENCH_SUPPORT_MEASURE_ROUNDS_H_
#define PINION_TESTS_BENCH_SUPPORT_MEASURE_ROUNDS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "pinion/tests/bench/support/order_of_round.h"
#include "pinion/tests/bench/support/progress.h"

namespace pinion::bench {

// Calls `measure(contender, one)` for each contender in each of the cases, once
// a round; up to the first error, which it returns. A contender has a name(),
// and `describe(one)` is what a person is told of a case.
template <typename Case, typename Contender, typename Describe,
          typename Measure>
absl::Status MeasureRounds(int rounds, const std::vector<Case>& cases,
                           std::vector<Contender>& contenders,
                           Describe describe, Measure measure) {
  Progress progress;
  for (int round = 0; round < rounds; ++round) {
    for (const Case& one : cases) {
      for (Contender* contender : InOrderOfRound(contenders, round)) {
        progress.Show(absl::StrCat("round ", round + 1, " of ", rounds, ": ",
                                   contender->name(), ", ", describe(one)));
        absl::Status status = measure(*contender, one);
        if (!status.ok()) return status;
      }
    }
  }
  return absl::OkStatus();
}

// Describes a case that is a number of calls in flight.
inline std::string CallsInFlight(int calls) {
  return absl::StrCat(calls, " in flight");
}

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_MEASURE_ROUNDS_H_
