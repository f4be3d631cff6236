// SPDX-License-Identifier: Apache-2.0
//
// CpuPlan: which CPUs the workers get, which are left to I/O threads, and why.
//
// Threads: anyone; a plan is a plain value.
// Order:   workers take cores before second hardware threads, spread over NUMA
//          nodes and then over L3 caches, the highest CPU number first: the low
//          ones see most interrupts.
// Promise: a plan is what was asked for, or an error that says what could be.
// Example: absl::StatusOr<Machine> machine = ProbeMachine();
//          if (!machine.ok()) return machine.status();
//          auto plan = MakeCpuPlan({.workers = "2"}, *machine);
//          if (plan.ok()) std::cout << plan->ToString();
#ifndef PINION_CORE_CPU_PLAN_H_
#define PINION_CORE_CPU_PLAN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/machine.h"

namespace pinion {

enum class CpuPolicy {
  kPin,    // Each worker has a CPU of its own.
  kFloat,  // The kernel moves workers over all CPUs they may use.
};

// "pin" or "float".
absl::StatusOr<CpuPolicy> ParseCpuPolicy(absl::string_view text);

struct CpuPlanOptions {
  // A count from 1, or "auto": as many as `cpus` lists; if it lists none, half
  // of the CPUs that are allowed and that the quota pays for, rounded down, but
  // at least one. Only floating workers can be more than those CPUs, and only
  // if a count asks for it.
  std::string workers = "auto";
  // The workers' CPUs, such as "0-3,8", in the workers' order; empty: chosen
  // here. If workers are pinned and counted, the count must agree.
  std::string cpus = {};
  CpuPolicy policy = CpuPolicy::kPin;
};

struct CpuPlan {
  CpuPolicy policy = CpuPolicy::kPin;
  int workers = 0;
  // Pinned: the CPU of worker 0, of worker 1, and so on. Floating: the CPUs all
  // workers share, which without a list are all that are allowed.
  std::vector<int> worker_cpus = {};
  // In rising order: the allowed CPUs that no worker has; all allowed ones if
  // workers have every one.
  std::vector<int> io_cpus = {};

  // For ToString(): the allowed CPUs, and sentences that say why.
  std::vector<Cpu> allowed = {};
  std::vector<std::string> reasons = {};

  // A line, a table with a row for each L3 cache of each NUMA node, and the
  // reasons.
  std::string ToString() const;
};

// INVALID_ARGUMENT if the options are not understood or cannot be had on
// `machine`; FAILED_PRECONDITION if `machine` allows no CPU at all.
absl::StatusOr<CpuPlan> MakeCpuPlan(const CpuPlanOptions& options,
                                    const Machine& machine);

}  // namespace pinion

#endif  // PINION_CORE_CPU_PLAN_H_
