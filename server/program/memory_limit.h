// SPDX-License-Identifier: Apache-2.0
//
// MemoryLimit: how much memory this process may take, by its cgroups (v1 and
//              v2) and by the machine.
//
// Threads: any thread. It reads files.
// Example: absl::StatusOr<MemoryLimit> limit = ReadMemoryLimit();
//          if (limit.ok() && needed > limit->bytes) ...
#ifndef PINION_SERVER_PROGRAM_MEMORY_LIMIT_H_
#define PINION_SERVER_PROGRAM_MEMORY_LIMIT_H_

#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/statusor.h"

namespace pinion {

struct MemoryLimit {
  int64_t bytes = std::numeric_limits<int64_t>::max();
  // What says so: a file, or "the machine"; empty if nothing is known.
  std::string source = {};
};

// The least of what `root`/proc/meminfo and the memory files of the process's
// cgroups below `root` say. INTERNAL if a file cannot be read or understood;
// the message names it.
absl::StatusOr<MemoryLimit> ReadMemoryLimit(const std::string& root = "");

}  // namespace pinion

#endif  // PINION_SERVER_PROGRAM_MEMORY_LIMIT_H_
