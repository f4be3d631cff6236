// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/program.h"

#include <errno.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/flags/commandlineflag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pinion/tools/command_line.h"

namespace pinion::bench {
namespace {

template <typename T>
[[noreturn]] void Refuse(const absl::Flag<T>& flag, const absl::AlphaNum& value,
                         absl::string_view valid) {
  ExitWithUsageError(absl::StrCat("--",
                                  absl::GetFlagReflectionHandle(flag).Name(),
                                  " cannot be ", value, "; valid ", valid));
}

}  // namespace

void ParseFlags(int argc, char** argv, absl::string_view usage) {
  // The servers are on this machine, and gRPC would ask a proxy even so.
  for (const char* proxy : {"grpc_proxy", "https_proxy", "http_proxy"}) {
    unsetenv(proxy);
  }
  const std::vector<std::string> words = ParseCommandLine(argc, argv, usage);
  if (words.empty()) return;
  ExitWithUsageError(absl::StrCat("\"", words[0], "\" is not a flag"));
}

int CheckedFlag(const absl::Flag<int>& flag, int least, int most) {
  const int value = absl::GetFlag(flag);
  if (value >= least && value <= most) return value;
  Refuse(flag, value, absl::StrCat("are ", least, " to ", most));
}

absl::Duration CheckedSeconds(const absl::Flag<double>& flag, double most) {
  const double value = absl::GetFlag(flag);
  if (value > 0 && value <= most) return absl::Seconds(value);
  Refuse(flag, value, absl::StrCat("is above 0, at most ", most));
}

std::vector<int> CheckedNumbers(
    const absl::Flag<std::vector<std::string>>& flag, int least, int most) {
  const std::string valid =
      absl::StrCat("are ", least, " to ", most, ", separated by commas");
  std::vector<int> numbers;
  for (const std::string& text : absl::GetFlag(flag)) {
    int& number = numbers.emplace_back();
    if (!absl::SimpleAtoi(text, &number) || number < least || number > most) {
      Refuse(flag, text, valid);
    }
  }
  if (numbers.empty()) Refuse(flag, "empty", valid);
  return numbers;
}

std::vector<std::string> CheckedNames(
    const absl::Flag<std::vector<std::string>>& flag,
    const std::vector<std::string>& all) {
  const std::vector<std::string> named = absl::GetFlag(flag);
  const auto has = [](const std::vector<std::string>& names,
                      const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const std::string& name : named) {
    if (!has(all, name)) {
      Refuse(flag, absl::StrCat("\"", name, "\""),
             absl::StrCat("are ", absl::StrJoin(all, ", "),
                          ", separated by commas"));
    }
  }
  if (named.empty()) return all;
  std::vector<std::string> wanted;
  for (const std::string& name : all) {
    if (has(named, name)) wanted.push_back(name);
  }
  return wanted;
}

int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name,
               std::string(status.message()).c_str());
  return 1;
}

}  // namespace pinion::bench
