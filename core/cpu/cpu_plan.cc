// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/cpu/cpu_plan.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pinion/core/base/check.h"
#include "pinion/core/cpu/cpu_list.h"

namespace pinion {
namespace {

// The most CPUs Linux is built for. It bounds counts of floating workers too:
// each is a thread.
constexpr int kMaxWorkers = 8192;

std::string Count(int count, absl::string_view what) {
  return absl::StrCat(count, " ", what, count == 1 ? "" : "s");
}

// How many of `cpus` CPUs the quota pays for in whole.
int Paid(const Machine& machine, int cpus) {
  if (machine.quota_cpus >= cpus) return cpus;
  return std::max(1, static_cast<int>(std::floor(machine.quota_cpus)));
}

// "8 CPUs (0-7, by the affinity mask)"
std::string AllowedInWords(const Machine& machine) {
  const std::vector<int> allowed = AllowedNumbers(machine.cpus);
  return absl::StrCat(Count(static_cast<int>(allowed.size()), "CPU"), " (",
                      FormatCpuList(allowed), ", by ", machine.allowed_by, ")");
}

// "the cgroup quota allows 2.5 CPUs (/sys/fs/cgroup/cpu.max)"
std::string QuotaInWords(const Machine& machine) {
  return absl::StrCat("the cgroup quota allows ", machine.quota_cpus,
                      machine.quota_cpus == 1 ? " CPU (" : " CPUs (",
                      machine.quota_source, ")");
}

// --- Choosing ---------------------------------------------------------------

// The `count` best CPUs, the best first.
std::vector<int> ChooseCpus(const Machine& machine, int count) {
  std::vector<Cpu> free;
  for (const Cpu& cpu : machine.cpus) {
    if (cpu.allowed) free.push_back(cpu);
  }
  std::map<int, int> on_core, on_numa;       // Workers put there so far.
  std::map<std::pair<int, int>, int> on_l3;  // By NUMA node and L3.
  const auto order = [&](const Cpu& cpu) {
    return std::tuple(on_core[cpu.core], on_numa[cpu.numa],
                      on_l3[{cpu.numa, cpu.l3}], -cpu.number);
  };
  std::vector<int> chosen;
  while (static_cast<int>(chosen.size()) < count) {
    const auto best = std::min_element(
        free.begin(), free.end(),
        [&](const Cpu& a, const Cpu& b) { return order(a) < order(b); });
    chosen.push_back(best->number);
    ++on_core[best->core];
    ++on_numa[best->numa];
    ++on_l3[{best->numa, best->l3}];
    free.erase(best);
  }
  return chosen;
}

absl::Status CheckListed(const std::vector<int>& listed,
                         const Machine& machine) {
  std::map<int, bool> allowed;
  for (const Cpu& cpu : machine.cpus) allowed[cpu.number] = cpu.allowed;
  std::set<int> seen;
  for (int cpu : listed) {
    const auto known = allowed.find(cpu);
    if (known == allowed.end()) {
      return absl::InvalidArgumentError(absl::StrCat("there is no CPU ", cpu,
                                                     "; this process may use ",
                                                     AllowedInWords(machine)));
    }
    if (!known->second) {
      return absl::InvalidArgumentError(
          absl::StrCat("CPU ", cpu, " is not allowed; this process may use ",
                       AllowedInWords(machine)));
    }
    if (!seen.insert(cpu).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("CPU ", cpu, " is listed twice; list each CPU once"));
    }
  }
  return absl::OkStatus();
}

// Whether `workers` can each have a CPU of their own.
absl::Status CheckPinned(int workers, const Machine& machine) {
  const int allowed = static_cast<int>(AllowedNumbers(machine.cpus).size());
  if (workers > allowed) {
    return absl::InvalidArgumentError(absl::StrCat(
        Count(workers, "pinned worker"), " cannot each have a CPU: this ",
        "process may use ", AllowedInWords(machine), "; ask for at most ",
        Paid(machine, allowed), ", or let workers float (cpu_policy float)"));
  }
  const int paid = Paid(machine, allowed);
  if (workers > paid) {
    return absl::InvalidArgumentError(absl::StrCat(
        Count(workers, "pinned worker"), " cannot each have a CPU: ",
        QuotaInWords(machine), "; ask for at most ", paid,
        ", raise the quota, or let workers float (cpu_policy float)"));
  }
  return absl::OkStatus();
}

// What was asked for, once it is understood and checked.
struct Wish {
  std::optional<int> count = {};
  std::vector<int> listed = {};  // Empty: choose.
  bool pin = true;
};

absl::StatusOr<Wish> ReadWish(const CpuPlanOptions& options,
                              const Machine& machine) {
  Wish wish = {.pin = options.policy == CpuPolicy::kPin};
  if (options.workers < 0 || options.workers > kMaxWorkers) {
    return absl::InvalidArgumentError(absl::StrCat(
        Count(options.workers, "worker"), " cannot be had; give a number from ",
        "1 to ", kMaxWorkers, ", or 0 for as many as fit the machine"));
  }
  if (options.workers > 0) wish.count = options.workers;
  if (options.cpus.empty()) return wish;

  absl::StatusOr<std::vector<int>> listed = ParseCpuList(options.cpus);
  if (!listed.ok()) return listed.status();
  const absl::Status checked = CheckListed(*listed, machine);
  if (!checked.ok()) return checked;
  wish.listed = *std::move(listed);
  const int size = static_cast<int>(wish.listed.size());
  if (wish.pin && wish.count.value_or(size) != size) {
    return absl::InvalidArgumentError(absl::StrCat(
        Count(*wish.count, "pinned worker"), " and the CPU list '",
        options.cpus, "' of ", Count(size, "CPU"),
        " do not agree; list as many CPUs as workers, or leave one out"));
  }
  return wish;
}

int WorkersFor(const Wish& wish, const Machine& machine) {
  if (wish.count.has_value()) return *wish.count;
  const int listed = static_cast<int>(wish.listed.size());
  // A pinned list is taken whole or refused, never cut.
  if (listed > 0) return wish.pin ? listed : Paid(machine, listed);
  const int allowed = static_cast<int>(AllowedNumbers(machine.cpus).size());
  return std::max(1, Paid(machine, allowed) / 2);
}

// --- Explaining -------------------------------------------------------------

// Where the number of workers comes from.
std::string WhyWorkers(const Wish& wish, const Machine& machine,
                       const CpuPlan& plan) {
  const int cpus = static_cast<int>(wish.listed.empty() ? plan.allowed.size()
                                                        : wish.listed.size());
  const int usable = Paid(machine, cpus);
  if (plan.workers > usable) {
    return absl::StrCat(Count(plan.workers, "worker"),
                        " were asked for and take turns: there is time for ",
                        Count(usable, "CPU"), ".");
  }
  if (wish.count.has_value()) {
    return absl::StrCat(Count(plan.workers, "worker"),
                        plan.workers == 1 ? " was" : " were", " asked for.");
  }
  if (!wish.listed.empty()) {
    return absl::StrCat(
        "Automatic: one worker for each listed CPU",
        plan.workers < cpus ? ", as far as the quota pays for them." : ".");
  }
  if (usable == 1) {
    return "Automatic: there is one usable CPU, and one worker for it.";
  }
  return absl::StrCat("Automatic: workers for half of the ", usable,
                      " usable CPUs, ", plan.workers,
                      wish.pin ? "; the rest is for I/O." : ".");
}

// How many of the plan's workers share a core with another one.
int WorkersSharingACore(const CpuPlan& plan) {
  const std::set<int> taken(plan.worker_cpus.begin(), plan.worker_cpus.end());
  std::map<int, int> on_core;
  for (const Cpu& cpu : plan.allowed)
    on_core[cpu.core] += taken.count(cpu.number);
  int sharing = 0;
  for (const auto& [core, workers] : on_core) {
    if (workers > 1) sharing += workers;
  }
  return sharing;
}

// Where they are.
std::string WhereWorkers(const Wish& wish, const CpuPlan& plan) {
  if (!wish.pin) {
    return absl::StrCat("Workers float over ",
                        wish.listed.empty() ? "all allowed" : "the listed",
                        " CPUs.");
  }
  const std::string cpus = absl::StrJoin(plan.worker_cpus, ", ");
  return plan.workers == 1
             ? absl::StrCat("Worker 0 runs on CPU ", cpus, ".")
             : absl::StrCat("Workers 0 to ", plan.workers - 1, " run on CPUs ",
                            cpus, ", in this order.");
}

std::vector<std::string> Reasons(const Wish& wish, const Machine& machine,
                                 const CpuPlan& plan, bool io_shares) {
  std::vector<std::string> reasons = {
      absl::StrCat("This process may use ", AllowedInWords(machine), "."),
      std::isinf(machine.quota_cpus)
          ? "No cgroup quota limits it."
          : absl::StrCat("However, ", QuotaInWords(machine), "."),
      WhyWorkers(wish, machine, plan), WhereWorkers(wish, plan)};
  if (wish.pin && wish.listed.empty()) {
    reasons.push_back(
        "Chosen: cores before second hardware threads, spread over NUMA nodes "
        "and L3 caches, the highest number first.");
  }
  const int sharing = wish.pin ? WorkersSharingACore(plan) : 0;
  if (sharing > 0) {
    reasons.push_back(absl::StrCat(Count(sharing, "worker"),
                                   " share a core with another worker."));
  }
  if (io_shares) {
    reasons.push_back(
        "No allowed CPU is without workers, so I/O shares them all.");
  }
  return reasons;
}

}  // namespace

absl::StatusOr<CpuPolicy> ParseCpuPolicy(absl::string_view text) {
  if (text == "pin") return CpuPolicy::kPin;
  if (text == "float") return CpuPolicy::kFloat;
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no CPU policy '", text, "'; expected 'pin' or 'float'"));
}

absl::StatusOr<CpuPlan> MakeCpuPlan(const CpuPlanOptions& options,
                                    const Machine& machine) {
  PINION_CHECK(machine.quota_cpus > 0, "a quota of ", machine.quota_cpus);
  const std::vector<int> allowed = AllowedNumbers(machine.cpus);
  if (allowed.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "this process may use no CPU at all, by ", machine.allowed_by));
  }
  const absl::StatusOr<Wish> wish = ReadWish(options, machine);
  if (!wish.ok()) return wish.status();

  CpuPlan plan = {.policy = options.policy,
                  .workers = WorkersFor(*wish, machine)};
  if (wish->pin) {
    const absl::Status checked = CheckPinned(plan.workers, machine);
    if (!checked.ok()) return checked;
  }
  plan.worker_cpus = !wish->listed.empty() ? wish->listed
                     : wish->pin           ? ChooseCpus(machine, plan.workers)
                                           : allowed;

  const std::set<int> taken(plan.worker_cpus.begin(), plan.worker_cpus.end());
  std::copy_if(allowed.begin(), allowed.end(), std::back_inserter(plan.io_cpus),
               [&](int cpu) { return taken.count(cpu) == 0; });
  const bool io_shares = plan.io_cpus.empty();
  if (io_shares) plan.io_cpus = allowed;

  std::copy_if(machine.cpus.begin(), machine.cpus.end(),
               std::back_inserter(plan.allowed),
               [](const Cpu& cpu) { return cpu.allowed; });
  plan.reasons = Reasons(*wish, machine, plan, io_shares);
  return plan;
}

}  // namespace pinion
