// SPDX-License-Identifier: Apache-2.0
//
// BenchReport: the results of `pinion bench`, for people and for programs.
//
// Threads: plain functions; any thread.
// Example: std::fputs(ReportText(setup, load.Look()).c_str(), stdout);
#ifndef PINION_CLIENT_CLI_BENCH_REPORT_H_
#define PINION_CLIENT_CLI_BENCH_REPORT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/client/cli/load_generator.h"

namespace pinion::cli {

// What is measured, as the flags say.
struct BenchSetup {
  std::string method;
  std::string target;
  std::string mode;  // "session", "unary" or "stream".
  int sessions = 1;
  int in_flight = 64;
  double rate = 0;  // Calls per second of an open loop; 0: closed.
  absl::Duration warm_up;
  absl::Duration duration;
  uint64_t request_bytes = 0;
  uint64_t keys = 0;         // 0: the requests have none.
  std::string distribution;  // "zipf 0.99"; of the keys.
  uint64_t seed = 1;
  // Of each stream; 0: all.
  uint64_t messages = 0;

  bool streams() const { return mode == "stream"; }
};

// What will be measured, in two lines.
std::string SetupText(const BenchSetup& setup);

// The result, as a table and a curve.
std::string ReportText(const BenchSetup& setup,
                       const LoadGenerator::State& state);

// The same, one object per line: each kind of error, {"kind":"error",...}, then
// {"kind":"result",...}.
std::string ReportJson(const BenchSetup& setup,
                       const LoadGenerator::State& state);

// What happened between two looks at a load, in one line without its end: for
// people, and as {"kind":"interval",...}.
std::string IntervalText(const BenchSetup& setup,
                         const LoadGenerator::State& before,
                         const LoadGenerator::State& now);
std::string IntervalJson(const BenchSetup& setup,
                         const LoadGenerator::State& before,
                         const LoadGenerator::State& now);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_BENCH_REPORT_H_
