// SPDX-License-Identifier: Apache-2.0
//
// CallCommand: `pinion call`, one call, or many that are read from standard
// input.
//
// Threads: main's.
// Example: return pinion::cli::CallCommand(argc, argv);
#ifndef PINION_CLIENT_CLI_CALL_COMMAND_H_
#define PINION_CLIENT_CLI_CALL_COMMAND_H_

namespace pinion::cli {

// Runs the command and returns the program's exit code; argv[1] is "call". A
// mistake in the arguments ends the program.
int CallCommand(int argc, char** argv);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_CALL_COMMAND_H_
