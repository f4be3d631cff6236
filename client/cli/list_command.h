// SPDX-License-Identifier: Apache-2.0
//
// ListCommand: the command `pinion list`.
//
// Threads: the main thread, before anything else.
// Example: return pinion::cli::ListCommand(argc, argv);
#ifndef PINION_CLIENT_CLI_LIST_COMMAND_H_
#define PINION_CLIENT_CLI_LIST_COMMAND_H_

namespace pinion::cli {

// argv[1] is "list". Returns the program's exit code.
int ListCommand(int argc, char** argv);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_LIST_COMMAND_H_
