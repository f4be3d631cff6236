// SPDX-License-Identifier: Apache-2.0
//
// What a person is shown of a CpuPlan.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pinion/core/cpu/cpu_list.h"
#include "pinion/core/cpu/cpu_plan.h"

namespace pinion {
namespace {

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

std::string CpuPlan::ToString() const {
  const std::string heading =
      policy == CpuPolicy::kFloat
          ? absl::StrCat(workers, workers == 1 ? " worker" : " workers",
                         ", floating:\n")
      : workers == 1 ? "1 worker, pinned:\n"
                     : absl::StrCat(workers, " workers, each pinned:\n");
  return absl::StrCat(heading, Table(*this), absl::StrJoin(reasons, "\n"),
                      "\n");
}

}  // namespace pinion
