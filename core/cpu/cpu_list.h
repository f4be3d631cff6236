// SPDX-License-Identifier: Apache-2.0
//
// CpuList: lists of CPUs in the kernel's notation, "0-3,8".
//
// Threads: plain functions; any thread.
// Example: absl::StatusOr<std::vector<int>> cpus = ParseCpuList("0-3,8");
#ifndef PINION_CORE_CPU_CPU_LIST_H_
#define PINION_CORE_CPU_CPU_LIST_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pinion {

// Parses `list`, in its own order and with its repetitions. INVALID_ARGUMENT,
// with the mistake, if it is not a list.
absl::StatusOr<std::vector<int>> ParseCpuList(absl::string_view list);

// The opposite; `cpus` in any order, each once.
std::string FormatCpuList(std::vector<int> cpus);

// Parses digits only; returns the largest int for a larger number.
std::optional<int> ParseDigits(absl::string_view text);

}  // namespace pinion

#endif  // PINION_CORE_CPU_CPU_LIST_H_
