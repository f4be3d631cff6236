// SPDX-License-Identifier: Apache-2.0
#include "pinion/tools/command_line.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

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

using Told = std::function<void(absl::string_view)>;
Told* usage_errors_told = new Told();

// An Abseil flag.
Flag FlagOf(absl::CommandLineFlag& flag) {
  return {.name = std::string(flag.Name()),
          .preset = flag.DefaultValue(),
          .help = flag.Help(),
          .is_switch = flag.IsOfType<bool>(),
          .set = [&flag](const std::string& value) {
            std::string error;
            if (flag.ParseFrom(value, &error)) return absl::OkStatus();
            return absl::InvalidArgumentError(error);
          }};
}

const Flag* Find(absl::string_view name, absl::Span<const FlagList> lists) {
  for (const FlagList& list : lists) {
    for (const Flag& flag : list.flags) {
      if (flag.name == name) return &flag;
    }
  }
  return nullptr;
}

void PrintHelp(absl::string_view usage, absl::Span<const FlagList> lists) {
  std::vector<GroupHelp> help;
  for (const FlagList& list : lists) {
    help.push_back({.title = list.title, .flags = {}});
    for (const Flag& flag : list.flags) {
      help.back().flags.push_back(
          {.name = flag.name, .preset = flag.preset, .help = flag.help});
    }
  }
  std::fputs(HelpText(usage, help).c_str(), stdout);
}

// "--grace: "2h" is out of range; valid are 0s to 1h"
std::string WhyRefused(const Flag& flag, absl::string_view value,
                       const absl::Status& why) {
  const absl::string_view text = why.message();
  std::string line = absl::StrCat("--", flag.name);
  // Many texts begin with the value.
  if (!absl::StartsWith(text, "\"")) {
    absl::StrAppend(&line, " cannot be \"", value, "\"");
  }
  if (!text.empty()) absl::StrAppend(&line, ": ", text);
  if (!absl::IsOutOfRange(why)) absl::StrAppend(&line, "; ", flag.help);
  return line;
}

// Sets one flag from "--..."; `next` is the argument after it, or null. Returns
// whether it took `next` as the value.
bool SetFlag(absl::string_view argument, const char* next,
             absl::Span<const FlagList> lists) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(
      absl::StripPrefix(argument, "--"), absl::MaxSplits('=', 1));
  const absl::string_view name = parts.first;
  const bool has_value = absl::StrContains(argument, "=");
  const Flag* flag = Find(name, lists);
  std::string value(parts.second);
  bool took_next = false;
  if (flag == nullptr && !has_value && absl::StartsWith(name, "no")) {
    const Flag* negated = Find(name.substr(2), lists);
    if (negated != nullptr && negated->is_switch) {
      flag = negated;
      value = "false";
    }
  } else if (flag != nullptr && !has_value) {
    if (flag->is_switch) {
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
  if (const absl::Status set = flag->set(value); !set.ok()) {
    ExitWithUsageError(WhyRefused(*flag, value, set));
  }
  return took_next;
}

}  // namespace

std::vector<Flag> OwnAbslFlags() {
  std::vector<Flag> own;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::StrContains(flag->Filename(), "absl/")) {
      own.push_back(FlagOf(*flag));
    }
  }
  std::sort(own.begin(), own.end(),
            [](const Flag& a, const Flag& b) { return a.name < b.name; });
  return own;
}

std::vector<std::string> ParseCommandLine(int argc, char** argv,
                                          absl::string_view usage,
                                          absl::Span<const FlagGroup> groups) {
  std::vector<FlagList> lists;
  if (groups.empty()) lists = {{.title = "Flags", .flags = OwnAbslFlags()}};
  for (const FlagGroup& group : groups) {
    lists.push_back({.title = std::string(group.title), .flags = {}});
    for (absl::string_view name : group.flags) {
      lists.back().flags.push_back(FlagOf(*absl::FindCommandLineFlag(name)));
    }
  }
  return ParseFlags(argc, argv, usage, lists);
}

std::vector<std::string> ParseFlags(int argc, char** argv,
                                    absl::string_view usage,
                                    absl::Span<const FlagList> lists) {
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
      PrintHelp(usage, lists);
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
    } else if (SetFlag(argument, i + 1 < argc ? argv[i + 1] : nullptr, lists)) {
      ++i;
    }
  }
  return words;
}

void TellUsageErrors(Told told) { *usage_errors_told = std::move(told); }

void ExitWithUsageError(absl::string_view message) {
  const std::string line = absl::StrReplaceAll(message, {{"\n", " "}});
  std::fprintf(stderr, "%s: %s\n", program_name->c_str(), line.c_str());
  if (*usage_errors_told) (*usage_errors_told)(line);
  std::exit(kUsageError);
}

}  // namespace pinion
