// SPDX-License-Identifier: Apache-2.0
//
// Machine: the CPUs and their topology, and which of them, and how much of
//          their time, this process may use.
//
// Threads: any thread; a Machine is plain data.
// Example: absl::StatusOr<Machine> machine = ProbeMachine();
//          if (!machine.ok()) return machine.status();
//          std::vector<int> cpus = AllowedNumbers(machine->cpus);
#ifndef PINION_CORE_CPU_MACHINE_H_
#define PINION_CORE_CPU_MACHINE_H_

#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace pinion {

// A CPU in the kernel's sense: one hardware thread of a core.
struct Cpu {
  int number = 0;
  // CPUs with the same number share a core, an L3 cache or a NUMA node. -1:
  // unknown, or there is none.
  int core = 0;
  int l3 = -1;
  int numa = -1;
  // Whether this process may run on it.
  bool allowed = true;
};

struct Machine {
  std::vector<Cpu> cpus = {};  // Each number once.
  // What determined `allowed`, in words.
  std::string allowed_by = "the affinity mask";
  // CPU seconds per second, above 0, and the file that sets the limit; infinity
  // and empty if there is no limit.
  double quota_cpus = std::numeric_limits<double>::infinity();
  std::string quota_source = {};
};

// This machine: hwloc's topology, the calling thread's affinity mask and the
// process's cgroups. Call it before the calling thread is pinned. The files of
// the cgroups and of /proc are read below `root`.
absl::StatusOr<Machine> ProbeMachine(const std::string& root = "");

// A machine from one of hwloc's synthetic descriptions, for tests: "NUMANode:2
// L3Cache:2 Core:4 PU:2", "Core:2 PU:2(indexes=0,100,7,300)".
absl::StatusOr<Machine> SyntheticMachine(const std::string& description);

// The numbers of the allowed CPUs, in rising order.
std::vector<int> AllowedNumbers(const std::vector<Cpu>& cpus);

}  // namespace pinion

#endif  // PINION_CORE_CPU_MACHINE_H_
