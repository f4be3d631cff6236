// SPDX-License-Identifier: Apache-2.0
//
// BenchCommand: `pinion bench`, which measures a method of a server.
//
// Threads: main's, which has started none before.
// Example: return pinion::cli::BenchCommand(argc, argv);
#ifndef PINION_CLIENT_CLI_BENCH_COMMAND_H_
#define PINION_CLIENT_CLI_BENCH_COMMAND_H_

namespace pinion::cli {

// Runs the command and returns the program's exit code; argv[1] is "bench". A
// mistake in the arguments ends the program.
int BenchCommand(int argc, char** argv);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_BENCH_COMMAND_H_
