// SPDX-License-Identifier: Apache-2.0
//
// TopCommand: `pinion top`, a page on the terminal that shows what a server
// does now.
//
// Threads: main's.
// Example: return pinion::cli::TopCommand(argc, argv);
#ifndef PINION_CLIENT_CLI_TOP_COMMAND_H_
#define PINION_CLIENT_CLI_TOP_COMMAND_H_

namespace pinion::cli {

// Runs the command and returns the program's exit code; argv[1] is "top".
int TopCommand(int argc, char** argv);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_TOP_COMMAND_H_
