// SPDX-License-Identifier: Apache-2.0
//
// Machine: the CPUs there are, how they lie to each other, and which of them,
//          and how much of their time, this process may use.
//
// Threads: anyone; a machine is a plain value.
// Example: absl::StatusOr<Machine> machine = ProbeMachine();
//          if (!machine.ok()) return machine.status();
//          std::vector<int> cpus = AllowedNumbers(machine->cpus);
#ifndef PINION_CORE_MACHINE_H_
#define PINION_CORE_MACHINE_H_

#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace pinion {

// A CPU as the kernel counts them: one hardware thread of a core.
struct Cpu {
  int number = 0;
  // CPUs that share a core, an L3 cache or a NUMA node have the same number
  // there. -1: not known, or there is none.
  int core = 0;
  int l3 = -1;
  int numa = -1;
  // Whether this process may run on it.
  bool allowed = true;
};

struct Machine {
  std::vector<Cpu> cpus = {};  // Each number once.
  // What decided `allowed`, in words.
  std::string allowed_by = "the affinity mask";
  // CPU seconds per second, above 0, and the file that says so; infinity and
  // empty if nothing limits them.
  double quota_cpus = std::numeric_limits<double>::infinity();
  std::string quota_source = {};
};

// This machine: hwloc's topology, the calling thread's affinity mask and the
// process's cgroups. Call it before the calling thread is pinned. The cgroups'
// files and those of /proc are looked for below `root`.
absl::StatusOr<Machine> ProbeMachine(const std::string& root = "");

// The machine that one of hwloc's synthetic descriptions draws, for tests:
// "NUMANode:2 L3Cache:2 Core:4 PU:2", "Core:2 PU:2(indexes=0,100,7,300)".
absl::StatusOr<Machine> SyntheticMachine(const std::string& description);

// The numbers of those that are allowed, in rising order.
std::vector<int> AllowedNumbers(const std::vector<Cpu>& cpus);

}  // namespace pinion

#endif  // PINION_CORE_MACHINE_H_
