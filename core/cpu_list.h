// SPDX-License-Identifier: Apache-2.0
//
// CpuList: lists of CPUs as people and the kernel write them, "0-3,8".
//
// Threads: plain functions; any thread.
// Example: absl::StatusOr<std::vector<int>> cpus = ParseCpuList("0-3,8");
#ifndef PINION_CORE_CPU_LIST_H_
#define PINION_CORE_CPU_LIST_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pinion {

// In the list's own order, and as often as it names each. INVALID_ARGUMENT,
// saying what is wrong, if it is no list.
absl::StatusOr<std::vector<int>> ParseCpuList(absl::string_view list);

// The opposite; `cpus` in any order, each once.
std::string FormatCpuList(std::vector<int> cpus);

// A number of nothing but digits; the largest int for what is larger.
std::optional<int> ParseDigits(absl::string_view text);

}  // namespace pinion

#endif  // PINION_CORE_CPU_LIST_H_
