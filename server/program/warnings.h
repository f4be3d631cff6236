// SPDX-License-Identifier: Apache-2.0
//
// WarningsOf: what of a valid configuration will hurt whoever runs it here.
//
// Threads: plain functions; any thread.
// Example: for (const ConfigMistake& warning :
//               WarningsOf(config, LookAround(), own_bytes, methods)) ...
#ifndef PINION_SERVER_PROGRAM_WARNINGS_H_
#define PINION_SERVER_PROGRAM_WARNINGS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pinion/core/cpu/machine.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/program/memory_limit.h"
#include "pinion/server/program/program_config.h"

namespace pinion {

// Where the program would run.
struct Surroundings {
  absl::StatusOr<Machine> machine;
  absl::StatusOr<MemoryLimit> memory;
  // How many files the process may open at most.
  int64_t most_files;
  // For the ends of certificates.
  absl::Time now = absl::InfinitePast();
};

// Those of this process. What cannot be told has an error, and no warning.
Surroundings LookAround();

// One for each thing that will hurt. `own_bytes` may be empty; it says what the
// program's services hold with so many workers. `methods` may be empty; it
// returns the paths of the methods that the program hosts, and is asked only if
// there is a policy.
std::vector<ConfigMistake> WarningsOf(
    const ProgramConfig& config, const Surroundings& surroundings,
    const std::function<int64_t(int workers)>& own_bytes,
    const std::function<std::vector<std::string>()>& methods = {});

}  // namespace pinion

#endif  // PINION_SERVER_PROGRAM_WARNINGS_H_
