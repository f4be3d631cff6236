// SPDX-License-Identifier: Apache-2.0
#include "core/cpu_plan.h"

#include <hwloc.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/affinity.h"
#include "core/cgroup_quota.h"
#include "core/check.h"

namespace pinion {
namespace {

// The most CPUs Linux is built for. It bounds counts of floating workers too:
// each is a thread.
constexpr int kMaxWorkers = 8192;

// As in core/affinity.cc: no kernel counts this far.
constexpr int kMaxCpuNumber = (1 << 20) - 1;

std::string Count(int count, absl::string_view what) {
  return absl::StrCat(count, " ", what, count == 1 ? "" : "s");
}

// --- Reading what people and the kernel write -------------------------------

// SimpleAtoi takes blanks and signs too.
std::optional<int> ParseNumber(absl::string_view text) {
  int number = 0;
  if (text.empty() || !std::all_of(text.begin(), text.end(), [](char c) {
        return std::isdigit(static_cast<unsigned char>(c)) != 0;
      })) {
    return std::nullopt;
  }
  if (!absl::SimpleAtoi(text, &number)) return std::numeric_limits<int>::max();
  return number;
}

absl::Status BadList(absl::string_view list, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the CPU list '", list, "' is no list: ", what,
                   "; expected numbers and ranges such as 0-3,8"));
}

// "0-3,8" in its own order.
absl::StatusOr<std::vector<int>> ParseCpuList(absl::string_view list) {
  std::vector<int> cpus;
  for (absl::string_view part : absl::StrSplit(list, ',')) {
    if (part.empty()) return BadList(list, "a number is missing");
    const std::vector<absl::string_view> ends =
        absl::StrSplit(part, absl::MaxSplits('-', 1));
    const std::optional<int> first = ParseNumber(ends.front());
    const std::optional<int> last = ParseNumber(ends.back());
    if (!first.has_value() || !last.has_value()) {
      return BadList(list, absl::StrCat("'", part, "' is no number or range"));
    }
    if (std::max(*first, *last) > kMaxCpuNumber) {
      return BadList(list, absl::StrCat("'", part, "' goes beyond ",
                                        kMaxCpuNumber, ", the last there is"));
    }
    if (*first > *last) {
      return BadList(list, absl::StrCat("'", part, "' runs backwards"));
    }
    for (int cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

// The opposite; `cpus` in any order.
std::string FormatCpuList(std::vector<int> cpus) {
  std::sort(cpus.begin(), cpus.end());
  std::string list;
  for (size_t i = 0; i < cpus.size();) {
    size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    absl::StrAppend(&list, list.empty() ? "" : ",", cpus[i]);
    if (last > i) absl::StrAppend(&list, "-", cpus[last]);
    i = last + 1;
  }
  return list;
}

// Nothing for "auto".
absl::StatusOr<std::optional<int>> ParseWorkers(absl::string_view text) {
  if (text == "auto") return std::optional<int>();
  const std::optional<int> count = ParseNumber(text);
  if (count.has_value() && *count >= 1 && *count <= kMaxWorkers) return count;
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' workers cannot be had; expected 'auto' or a ",
                   "count from 1 to ", kMaxWorkers));
}

// --- Machines ---------------------------------------------------------------

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

std::vector<int> AllowedNumbers(const std::vector<Cpu>& cpus) {
  std::vector<int> allowed;
  for (const Cpu& cpu : cpus) {
    if (cpu.allowed) allowed.push_back(cpu.number);
  }
  std::sort(allowed.begin(), allowed.end());
  return allowed;
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
        Paid(machine, allowed), ", or let workers float"));
  }
  const int paid = Paid(machine, allowed);
  if (workers > paid) {
    return absl::InvalidArgumentError(absl::StrCat(
        Count(workers, "pinned worker"),
        " cannot each have a CPU: ", QuotaInWords(machine),
        "; ask for at most ", paid, ", raise the quota, or let workers float"));
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
  absl::StatusOr<std::optional<int>> count = ParseWorkers(options.workers);
  if (!count.ok()) return count.status();
  wish.count = *count;
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

using Row = std::array<std::string, 5>;

// Columns two blanks apart; the first `kRightAligned` hold numbers.
std::string Aligned(const std::vector<Row>& rows) {
  constexpr size_t kRightAligned = 3;
  std::array<size_t, std::tuple_size_v<Row>> widths = {};
  for (const Row& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], row[c].size());
    }
  }
  std::string text;
  for (const Row& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string blanks(widths[c] - row[c].size(), ' ');
      const bool last = c + 1 == row.size();
      absl::StrAppend(&text, c < kRightAligned ? blanks : "", row[c],
                      c < kRightAligned || last ? "" : blanks,
                      last ? "\n" : "  ");
    }
  }
  return text;
}

// What the table shows of one L3 cache of one NUMA node.
struct Domain {
  std::set<int> cores = {};
  std::vector<int> worker_cpus = {};
  std::vector<int> io_cpus = {};
};

std::string NumberOrDash(int number) {
  return number < 0 ? "-" : absl::StrCat(number);
}

std::string ListOrDash(const std::vector<int>& cpus) {
  return cpus.empty() ? "-" : FormatCpuList(cpus);
}

std::string Table(const CpuPlan& plan) {
  const std::set<int> workers(plan.worker_cpus.begin(), plan.worker_cpus.end());
  const std::set<int> io(plan.io_cpus.begin(), plan.io_cpus.end());
  std::map<std::pair<int, int>, Domain> domains;
  for (const Cpu& cpu : plan.allowed) {
    Domain& domain = domains[{cpu.numa, cpu.l3}];
    domain.cores.insert(cpu.core);
    if (workers.count(cpu.number)) domain.worker_cpus.push_back(cpu.number);
    if (io.count(cpu.number)) domain.io_cpus.push_back(cpu.number);
  }
  std::vector<Row> rows = {{"NUMA", "L3", "cores", "worker CPUs", "I/O CPUs"}};
  for (const auto& [place, domain] : domains) {
    rows.push_back({NumberOrDash(place.first), NumberOrDash(place.second),
                    absl::StrCat(domain.cores.size()),
                    ListOrDash(domain.worker_cpus),
                    ListOrDash(domain.io_cpus)});
  }
  return Aligned(rows);
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

std::string CpuPlan::ToString() const {
  const std::string heading =
      policy == CpuPolicy::kFloat
          ? absl::StrCat(Count(workers, "worker"), ", floating:\n")
      : workers == 1 ? "1 worker, pinned:\n"
                     : absl::StrCat(workers, " workers, each pinned:\n");
  return absl::StrCat(heading, Table(*this), absl::StrJoin(reasons, "\n"),
                      "\n");
}

}  // namespace pinion
