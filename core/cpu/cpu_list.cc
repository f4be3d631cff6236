// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/cpu/cpu_list.h"

#include <algorithm>
#include <cctype>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace pinion {
namespace {

// As in core/cpu/affinity.cc: no kernel counts this far.
constexpr int kMaxCpuNumber = (1 << 20) - 1;

absl::Status BadList(absl::string_view list, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the CPU list '", list, "' is no list: ", what,
                   "; valid are numbers and ranges such as 0-3,8"));
}

}  // namespace

absl::StatusOr<std::vector<int>> ParseCpuList(absl::string_view list) {
  std::vector<int> cpus;
  for (absl::string_view part : absl::StrSplit(list, ',')) {
    if (part.empty()) return BadList(list, "a number is missing");
    const std::vector<absl::string_view> ends =
        absl::StrSplit(part, absl::MaxSplits('-', 1));
    const std::optional<int> first = ParseDigits(ends.front());
    const std::optional<int> last = ParseDigits(ends.back());
    if (!first.has_value() || !last.has_value()) {
      return BadList(list, absl::StrCat("'", part, "' is no number or range"));
    }
    if (std::max(*first, *last) > kMaxCpuNumber) {
      return BadList(list, absl::StrCat("'", part, "' goes beyond ",
                                        kMaxCpuNumber, ", the last there is"));
    }
    if (*first > *last) {
      return BadList(list, absl::StrCat("'", part, "' runs backwards"));
    }
    for (int cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

std::string FormatCpuList(std::vector<int> cpus) {
  std::sort(cpus.begin(), cpus.end());
  std::string list;
  for (size_t i = 0; i < cpus.size();) {
    size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    absl::StrAppend(&list, list.empty() ? "" : ",", cpus[i]);
    if (last > i) absl::StrAppend(&list, "-", cpus[last]);
    i = last + 1;
  }
  return list;
}

// SimpleAtoi takes blanks and signs too.
std::optional<int> ParseDigits(absl::string_view text) {
  int number = 0;
  if (text.empty() || !std::all_of(text.begin(), text.end(), [](char c) {
        return std::isdigit(static_cast<unsigned char>(c)) != 0;
      })) {
    return std::nullopt;
  }
  if (!absl::SimpleAtoi(text, &number)) return std::numeric_limits<int>::max();
  return number;
}

}  // namespace pinion
