// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/cpu/machine.h"

#include <hwloc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "pinion/core/cpu/affinity.h"
#include "pinion/core/cpu/cgroup_quota.h"
#include "pinion/core/cpu/cpu_list.h"

namespace pinion {
namespace {

using Topology =
    std::unique_ptr<hwloc_topology, decltype(&hwloc_topology_destroy)>;

absl::StatusOr<Topology> NewTopology() {
  hwloc_topology_t topology = nullptr;
  if (hwloc_topology_init(&topology) != 0) {
    return absl::InternalError("hwloc cannot make a topology");
  }
  return Topology(topology, &hwloc_topology_destroy);
}

int NumberOf(hwloc_obj_t object, int otherwise) {
  return object == nullptr ? otherwise
                           : static_cast<int>(object->logical_index);
}

std::vector<Cpu> CpusOf(hwloc_topology_t topology) {
  // A CPU without a core is one: it gets a number above the cores'.
  const int cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
  std::vector<Cpu> cpus;
  hwloc_obj_t pu = nullptr;
  while ((pu = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, pu))) {
    const auto above = [&](hwloc_obj_type_t type) {
      return hwloc_get_ancestor_obj_by_type(topology, type, pu);
    };
    cpus.push_back({
        .number = static_cast<int>(pu->os_index),
        .core = NumberOf(above(HWLOC_OBJ_CORE), cores + NumberOf(pu, 0)),
        .l3 = NumberOf(above(HWLOC_OBJ_L3CACHE), -1),
        .numa = hwloc_bitmap_first(pu->nodeset),
    });
  }
  return cpus;
}

// Lets only `allowed` be used. One that hwloc does not know is a core.
void Allow(const std::set<int>& allowed, std::vector<Cpu>& cpus) {
  std::set<int> unknown = allowed;
  int next_core = 0;
  for (Cpu& cpu : cpus) {
    cpu.allowed = allowed.count(cpu.number) != 0;
    unknown.erase(cpu.number);
    next_core = std::max(next_core, cpu.core + 1);
  }
  for (int number : unknown) {
    cpus.push_back({.number = number, .core = next_core++});
  }
}

}  // namespace

absl::StatusOr<Machine> ProbeMachine(const std::string& root) {
  absl::StatusOr<std::vector<int>> mask = AllowedCpus();
  if (!mask.ok()) return mask.status();
  absl::StatusOr<CgroupQuota> quota = ReadCgroupQuota(root);
  if (!quota.ok()) return quota.status();
  absl::StatusOr<Topology> topology = NewTopology();
  if (!topology.ok()) return topology.status();
  // All CPUs, so that one that is not allowed is told from one that is not
  // there; and this thread stays where it is.
  hwloc_topology_set_flags(topology->get(),
                           HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED |
                               HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING);
  if (hwloc_topology_load(topology->get()) != 0) {
    return absl::InternalError(absl::StrCat(
        "hwloc cannot read this machine's topology: ", std::strerror(errno)));
  }
  if (!hwloc_topology_is_thissystem(topology->get())) {
    return absl::FailedPreconditionError(
        "hwloc describes another machine than this one; unset HWLOC_SYNTHETIC "
        "and HWLOC_XMLFILE");
  }

  Machine machine = {.cpus = CpusOf(topology->get()),
                     .quota_cpus = quota->cpus,
                     .quota_source = quota->source};
  std::set<int> allowed(mask->begin(), mask->end());
  if (!quota->cpuset_source.empty()) {
    absl::StatusOr<std::vector<int>> cpuset = ParseCpuList(quota->cpuset);
    if (!cpuset.ok()) {
      return absl::InternalError(
          absl::StrCat(quota->cpuset_source, ": ", cpuset.status().message()));
    }
    allowed.clear();
    for (int cpu : *cpuset) {
      if (std::binary_search(mask->begin(), mask->end(), cpu)) {
        allowed.insert(cpu);
      }
    }
    machine.allowed_by = absl::StrCat("the affinity mask and the cpuset of ",
                                      quota->cpuset_source);
  }
  Allow(allowed, machine.cpus);
  return machine;
}

absl::StatusOr<Machine> SyntheticMachine(const std::string& description) {
  absl::StatusOr<Topology> topology = NewTopology();
  if (!topology.ok()) return topology.status();
  if (hwloc_topology_set_synthetic(topology->get(), description.c_str()) != 0 ||
      hwloc_topology_load(topology->get()) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("hwloc knows no machine '", description, "'"));
  }
  return Machine{.cpus = CpusOf(topology->get())};
}

std::vector<int> AllowedNumbers(const std::vector<Cpu>& cpus) {
  std::vector<int> allowed;
  for (const Cpu& cpu : cpus) {
    if (cpu.allowed) allowed.push_back(cpu.number);
  }
  std::sort(allowed.begin(), allowed.end());
  return allowed;
}

}  // namespace pinion
