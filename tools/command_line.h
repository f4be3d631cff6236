// SPDX-License-Identifier: Apache-2.0
//
// ParseCommandLine: what every program of ours does with its arguments.
//
// Threads: main's, first thing.
// Example: std::vector<std::string> words =
//              ParseCommandLine(argc, argv, "usage: pinion call METHOD JSON");
//
// Sets the Abseil flags that are given as --name=value, --name value, or for a
// switch --name and --noname; "--" ends them. --help prints the usage and all
// flags of the program, and ends it with code 0. A bad flag prints one line
// that names it, its value and what is wrong, and ends the program with code 2.
//
// A program of several commands names the flags of the command that was given:
// the program's other flags are then unknown, and --help lists those alone.
#ifndef PINION_TOOLS_COMMAND_LINE_H_
#define PINION_TOOLS_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pinion {

// The exit code for a mistake in the arguments.
inline constexpr int kUsageError = 2;

// Returns what is not a flag, without the program's name. `flags`: those that
// may be given, in the order in which --help lists them; empty: all of the
// program's, by name.
std::vector<std::string> ParseCommandLine(
    int argc, char** argv, absl::string_view usage,
    absl::Span<const absl::string_view> flags = {});

// Ends the program as a bad flag does: "program: message", code 2.
[[noreturn]] void ExitWithUsageError(absl::string_view message);

}  // namespace pinion

#endif  // PINION_TOOLS_COMMAND_LINE_H_
