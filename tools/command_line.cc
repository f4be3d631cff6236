// SPDX-License-Identifier: Apache-2.0
#include "tools/command_line.h"

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

namespace pinion {
namespace {

std::string* program_name = new std::string("pinion");

using Flags = std::vector<absl::CommandLineFlag*>;

// The program's own flags, by name; the libraries' are left out.
Flags OwnFlags() {
  Flags flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::StrContains(flag->Filename(), "absl/")) flags.push_back(flag);
  }
  std::sort(flags.begin(), flags.end(),
            [](auto* a, auto* b) { return a->Name() < b->Name(); });
  return flags;
}

Flags FlagsNamed(absl::Span<const absl::string_view> names) {
  Flags flags;
  for (absl::string_view name : names) {
    flags.push_back(absl::FindCommandLineFlag(name));
  }
  return flags;
}

absl::CommandLineFlag* Find(absl::string_view name, const Flags& flags) {
  for (absl::CommandLineFlag* flag : flags) {
    if (flag->Name() == name) return flag;
  }
  return nullptr;
}

void PrintHelp(absl::string_view usage, const Flags& flags) {
  std::printf("%s\n\nFlags:\n", std::string(usage).c_str());
  for (const absl::CommandLineFlag* flag : flags) {
    std::printf(
        "  --%s (default: %s)\n      %s\n", std::string(flag->Name()).c_str(),
        flag->DefaultValue().empty() ? "empty" : flag->DefaultValue().c_str(),
        absl::StrReplaceAll(flag->Help(), {{"\n", "\n      "}}).c_str());
  }
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

std::vector<std::string> ParseCommandLine(
    int argc, char** argv, absl::string_view usage,
    absl::Span<const absl::string_view> flag_names) {
  const Flags flags = flag_names.empty() ? OwnFlags() : FlagsNamed(flag_names);
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
      PrintHelp(usage, flags);
      std::exit(0);
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
