// SPDX-License-Identifier: Apache-2.0
//
// The command line and the end of a benchmark: all of them have flags alone,
// and say what is wrong in one line.
//
// Threads: main's.
// Example: ParseFlags(argc, argv, kUsage);
//          const int rounds = CheckedFlag(FLAGS_rounds, 1, 1000);
//          const absl::Duration length = CheckedSeconds(FLAGS_seconds, 60);
//          return ExitCode(Measure(rounds, length));
#ifndef PINION_TESTS_BENCH_SUPPORT_PROGRAM_H_
#define PINION_TESTS_BENCH_SUPPORT_PROGRAM_H_

#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace pinion::bench {

// See ParseCommandLine(). Ends the program upon a word that is no flag. From
// then on gRPC asks no HTTP proxy.
void ParseFlags(int argc, char** argv, absl::string_view usage);

// What the flag is set to; ends the program if that is not within its bounds.
int CheckedFlag(const absl::Flag<int>& flag, int least, int most);

// The same for a time in seconds, above 0.
absl::Duration CheckedSeconds(const absl::Flag<double>& flag, double most);

// The same for numbers separated by commas, at least one.
std::vector<int> CheckedNumbers(
    const absl::Flag<std::vector<std::string>>& flag, int least, int most);

// The same for names separated by commas, each one of `all`: those of `all`
// that are named, and all of them if none is.
std::vector<std::string> CheckedNames(
    const absl::Flag<std::vector<std::string>>& flag,
    const std::vector<std::string>& all);

// What main() returns; says on standard error what went wrong, if anything did.
int ExitCode(const absl::Status& status);

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_PROGRAM_H_
