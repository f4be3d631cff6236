// SPDX-License-Identifier: Apache-2.0
//
// The commands that ask a server's admin socket once, and print what it says:
// `pinion info`, `slow`, `hot`, `why`, `stalls`, `sessions`, `config`, `set`.
//
// Threads: main's.
// Example: return pinion::cli::InfoCommand(argc, argv);
#ifndef PINION_CLIENT_CLI_ADMIN_COMMANDS_H_
#define PINION_CLIENT_CLI_ADMIN_COMMANDS_H_

namespace pinion::cli {

// Each runs its command and returns the program's exit code; argv[1] is the
// command. A mistake in the arguments ends the program.
int InfoCommand(int argc, char** argv);
int SlowCommand(int argc, char** argv);
int HotCommand(int argc, char** argv);
int WhyCommand(int argc, char** argv);
int StallsCommand(int argc, char** argv);
int SessionsCommand(int argc, char** argv);
int ConfigCommand(int argc, char** argv);
int SetCommand(int argc, char** argv);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_ADMIN_COMMANDS_H_
