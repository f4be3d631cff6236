// SPDX-License-Identifier: Apache-2.0
#include "pinion/tools/command_line.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "pinion/tools/help_text.h"

namespace pinion {
namespace {

std::string* program_name = new std::string("pinion");

using Flags = std::vector<absl::CommandLineFlag*>;

// One group of the program's own flags, by name; the libraries' are left out.
FlagGroup OwnFlags() {
  FlagGroup own = {.title = "Flags", .flags = {}};
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::StrContains(flag->Filename(), "absl/")) {
      own.flags.push_back(flag->Name());
    }
  }
  std::sort(own.flags.begin(), own.flags.end());
  return own;
}

Flags FlagsIn(absl::Span<const FlagGroup> groups) {
  Flags flags;
  for (const FlagGroup& group : groups) {
    for (absl::string_view name : group.flags) {
      flags.push_back(absl::FindCommandLineFlag(name));
    }
  }
  return flags;
}

absl::CommandLineFlag* Find(absl::string_view name, const Flags& flags) {
  for (absl::CommandLineFlag* flag : flags) {
    if (flag->Name() == name) return flag;
  }
  return nullptr;
}

void PrintHelp(absl::string_view usage, absl::Span<const FlagGroup> groups) {
  std::vector<GroupHelp> help;
  for (const FlagGroup& group : groups) {
    help.push_back({.title = std::string(group.title), .flags = {}});
    for (const absl::CommandLineFlag* flag : FlagsIn({group})) {
      help.back().flags.push_back({.name = std::string(flag->Name()),
                                   .preset = flag->DefaultValue(),
                                   .help = flag->Help()});
    }
  }
  std::fputs(HelpText(usage, help).c_str(), stdout);
}

// Sets one flag from "--..."; `next` is the argument after it, or null. Returns
// whether it took `next` as the value.
bool SetFlag(absl::string_view argument, const char* next, const Flags& flags) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(
      absl::StripPrefix(argument, "--"), absl::MaxSplits('=', 1));
  const absl::string_view name = parts.first;
  const bool has_value = absl::StrContains(argument, "=");
  absl::CommandLineFlag* flag = Find(name, flags);
  std::string value(parts.second);
  bool took_next = false;
  if (flag == nullptr && !has_value && absl::StartsWith(name, "no")) {
    absl::CommandLineFlag* negated = Find(name.substr(2), flags);
    if (negated != nullptr && negated->IsOfType<bool>()) {
      flag = negated;
      value = "false";
    }
  } else if (flag != nullptr && !has_value) {
    if (flag->IsOfType<bool>()) {
      value = "true";
    } else if (next != nullptr) {
      value = next;
      took_next = true;
    } else {
      ExitWithUsageError(absl::StrCat("--", name, " needs a value"));
    }
  }
  if (flag == nullptr) {
    ExitWithUsageError(
        absl::StrCat("there is no flag --", name, "; --help lists them"));
  }
  std::string error;
  if (!flag->ParseFrom(value, &error)) {
    ExitWithUsageError(absl::StrCat("--", name, " cannot be \"", value, "\"",
                                    error.empty() ? "" : ": ", error, "; ",
                                    flag->Help()));
  }
  return took_next;
}

}  // namespace

std::vector<std::string> ParseCommandLine(int argc, char** argv,
                                          absl::string_view usage,
                                          absl::Span<const FlagGroup> groups) {
  const FlagGroup own = OwnFlags();
  if (groups.empty()) groups = absl::MakeConstSpan(&own, 1);
  const Flags flags = FlagsIn(groups);
  const absl::string_view path = argv[0];
  *program_name = std::string(path.substr(path.rfind('/') + 1));
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    if (argument == "--") {
      words.insert(words.end(), argv + i + 1, argv + argc);
      break;
    }
    if (argument == "--help" || argument == "-h") {
      PrintHelp(usage, groups);
      std::exit(0);
    }
    if (absl::StartsWith(argument, "--help=")) {
      ExitWithUsageError(absl::StrCat("--help takes no value, and this is \"",
                                      argument,
                                      "\"; --help alone lists all flags"));
    }
    const bool one_dash = argument.size() > 1 && argument[0] == '-' &&
                          argument[1] != '-' &&
                          !absl::ascii_isdigit(argument[1]);
    if (one_dash) {
      ExitWithUsageError(
          absl::StrCat("\"", argument, "\" is not a flag; write -", argument));
    }
    if (!absl::StartsWith(argument, "--")) {
      words.emplace_back(argument);
    } else if (SetFlag(argument, i + 1 < argc ? argv[i + 1] : nullptr, flags)) {
      ++i;
    }
  }
  return words;
}

void ExitWithUsageError(absl::string_view message) {
  std::fprintf(stderr, "%s: %s\n", program_name->c_str(),
               absl::StrReplaceAll(message, {{"\n", " "}}).c_str());
  std::exit(kUsageError);
}

}  // namespace pinion
