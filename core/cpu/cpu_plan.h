// SPDX-License-Identifier: Apache-2.0
//
// CpuPlan: which CPUs the workers get, which are left to I/O threads, and why.
//
// Threads: any thread; a plan is plain data.
// Order:   workers get whole cores before second hardware threads, spread over
//          NUMA nodes and then over L3 caches. The highest CPU numbers come
//          first, because the low ones get most interrupts.
// Promise: a plan is exactly what was asked for; otherwise there is an error
//          that says what is possible.
// Example: absl::StatusOr<Machine> machine = ProbeMachine();
//          if (!machine.ok()) return machine.status();
//          auto plan = MakeCpuPlan({.workers = 2}, *machine);
//          if (plan.ok()) std::cout << plan->ToString();
#ifndef PINION_CORE_CPU_CPU_PLAN_H_
#define PINION_CORE_CPU_CPU_PLAN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/core/cpu/machine.h"

namespace pinion {

enum class CpuPolicy {
  kPin,    // Each worker has a CPU of its own.
  kFloat,  // The kernel moves workers among all their CPUs.
};

// Parses "pin" or "float".
absl::StatusOr<CpuPolicy> ParseCpuPolicy(absl::string_view text);

struct CpuPlanOptions {
  // The number of workers, from 1; or 0: as many as `cpus` lists; if `cpus` is
  // empty, half of the CPUs that are allowed and covered by the quota, rounded
  // down, but at least one. Only floating workers may outnumber those CPUs, and
  // only if you give a number.
  int workers = 0;
  // The workers' CPUs in the workers' order, for example "0-3,8"; empty: chosen
  // here. If workers are pinned and `workers` is a number, the two must agree.
  std::string cpus = {};
  CpuPolicy policy = CpuPolicy::kPin;
};

struct CpuPlan {
  CpuPolicy policy = CpuPolicy::kPin;
  int workers = 0;
  // Pinned: the CPU of worker 0, of worker 1, and so on. Floating: the CPUs
  // that all workers share; without a list, all allowed ones.
  std::vector<int> worker_cpus = {};
  // In rising order: the allowed CPUs without a worker; all allowed CPUs if
  // every one has a worker.
  std::vector<int> io_cpus = {};

  // For ToString(): the allowed CPUs, and sentences that give the reasons.
  std::vector<Cpu> allowed = {};
  std::vector<std::string> reasons = {};

  // One line, a table with a row for each L3 cache of each NUMA node, and the
  // reasons.
  std::string ToString() const;
};

// Returns INVALID_ARGUMENT if the options are not understood or impossible on
// `machine`; FAILED_PRECONDITION if `machine` allows no CPU at all.
absl::StatusOr<CpuPlan> MakeCpuPlan(const CpuPlanOptions& options,
                                    const Machine& machine);

}  // namespace pinion

#endif  // PINION_CORE_CPU_CPU_PLAN_H_
