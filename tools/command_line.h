// SPDX-License-Identifier: Apache-2.0
//
// ParseCommandLine: how all of our programs parse their arguments.
//
// Threads: the main thread, before anything else.
// Example: std::vector<std::string> words =
//              ParseCommandLine(argc, argv, "usage: pinion call METHOD JSON");
//
// Sets the Abseil flags given as --name=value, --name value, or, for a switch,
// --name and --noname; "--" ends them. --help prints the usage and the flags in
// their groups (help_text.h), and ends the program with code 0. A bad flag
// prints one line with the flag, its value and the mistake, and ends the
// program with code 2.
//
// A program with several commands passes the groups of the given command: the
// program's other flags are then unknown, and --help does not list them.
#ifndef PINION_TOOLS_COMMAND_LINE_H_
#define PINION_TOOLS_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pinion {

// The exit code for a mistake in the arguments.
inline constexpr int kUsageError = 2;

// Flags of the program that --help shows under one heading.
struct FlagGroup {
  absl::string_view title;
  std::vector<absl::string_view> flags;
};

// Returns the arguments that are not flags, without the program's name.
// `groups`: the allowed flags, each in one group, in the order in which --help
// lists them; empty: all flags of the program, by name.
std::vector<std::string> ParseCommandLine(
    int argc, char** argv, absl::string_view usage,
    absl::Span<const FlagGroup> groups = {});

// Ends the program like a bad flag: "program: message", code 2.
[[noreturn]] void ExitWithUsageError(absl::string_view message);

}  // namespace pinion

#endif  // PINION_TOOLS_COMMAND_LINE_H_
