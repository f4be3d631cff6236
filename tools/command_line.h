// SPDX-License-Identifier: Apache-2.0
//
// ParseCommandLine, ParseFlags: how all of our programs parse their arguments.
//
// Threads: the main thread, before anything else.
// Example: std::vector<std::string> words =
//              ParseCommandLine(argc, argv, "usage: pinion call METHOD JSON");
//
// Sets the flags given as --name=value, --name value, or, for a switch,
// --name and --noname; "--" ends them. --help prints the usage and the flags in
// their groups (help_text.h), and ends the program with code 0. A bad flag
// prints one line with the flag, its value and the mistake, and ends the
// program with code 2.
//
// A program with several commands passes the groups of the given command: the
// program's other flags are then unknown, and --help does not list them.
//
// ParseCommandLine() has Abseil's flags. A flag of ParseFlags() keeps its value
// where the program wants it.
#ifndef PINION_TOOLS_COMMAND_LINE_H_
#define PINION_TOOLS_COMMAND_LINE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pinion {

// The exit code for a mistake in the arguments.
inline constexpr int kUsageError = 2;

// Abseil's flags that --help shows under one heading, by name.
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

// A flag, wherever its value is kept.
struct Flag {
  std::string name;
  std::string preset;  // The default value, as text.
  std::string help;
  // Whether --name and --noname stand for --name=true and --name=false.
  bool is_switch = false;
  // Takes a value, or returns what is wrong with it. If what is valid is told
  // there, that is OUT_OF_RANGE; else the help follows, which has it.
  std::function<absl::Status(const std::string& value)> set;
};

// Flags that --help shows under one heading.
struct FlagList {
  std::string title;
  std::vector<Flag> flags;
};

// Those of the program's Abseil flags that are not in Abseil itself, by name.
std::vector<Flag> OwnAbslFlags();

// As ParseCommandLine(), with the flags of `lists` and no others.
std::vector<std::string> ParseFlags(int argc, char** argv,
                                    absl::string_view usage,
                                    absl::Span<const FlagList> lists);

// `told` gets the message of ExitWithUsageError() before that ends the program,
// for those who do not see its standard error. Null: nobody.
void TellUsageErrors(std::function<void(absl::string_view message)> told);

// Ends the program like a bad flag: "program: message", code 2.
[[noreturn]] void ExitWithUsageError(absl::string_view message);

}  // namespace pinion

#endif  // PINION_TOOLS_COMMAND_LINE_H_
