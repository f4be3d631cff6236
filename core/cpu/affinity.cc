// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/cpu/affinity.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace pinion {
namespace {

// Far above what kernels are built for; the first size tried covers most.
constexpr int kFirstCpuCount = 1024;
constexpr int kMaxCpuCount = 1 << 20;

// A CPU set of any size.
class CpuSet {
 public:
  explicit CpuSet(int cpus)
      : set_(CPU_ALLOC(cpus)), bytes_(CPU_ALLOC_SIZE(cpus)) {
    CPU_ZERO_S(bytes_, set_);
  }
  ~CpuSet() { CPU_FREE(set_); }
  CpuSet(const CpuSet&) = delete;
  CpuSet& operator=(const CpuSet&) = delete;

  void Add(int cpu) { CPU_SET_S(cpu, bytes_, set_); }
  bool Has(int cpu) const { return CPU_ISSET_S(cpu, bytes_, set_); }
  size_t bytes() const { return bytes_; }
  cpu_set_t* get() { return set_; }

 private:
  cpu_set_t* const set_;
  const size_t bytes_;
};

}  // namespace

absl::StatusOr<std::vector<int>> AllowedCpus(pid_t thread) {
  for (int count = kFirstCpuCount; count <= kMaxCpuCount; count *= 2) {
    CpuSet set(count);
    if (sched_getaffinity(thread, set.bytes(), set.get()) == 0) {
      std::vector<int> cpus;
      for (int cpu = 0; cpu < count; ++cpu) {
        if (set.Has(cpu)) cpus.push_back(cpu);
      }
      return cpus;
    }
    if (errno == ESRCH) {
      return absl::NotFoundError(absl::StrCat("there is no thread ", thread));
    }
    if (errno != EINVAL) break;  // EINVAL: the kernel's own set is larger.
  }
  return absl::InternalError(absl::StrCat("cannot read the CPUs of thread ",
                                          thread, ": ", std::strerror(errno)));
}

absl::Status RunThisThreadOn(const std::vector<int>& cpus) {
  const auto [least, most] = std::minmax_element(cpus.begin(), cpus.end());
  if (cpus.empty() || *least < 0 || *most >= kMaxCpuCount) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are no CPUs ", absl::StrJoin(cpus, ",")));
  }
  CpuSet set(*most + 1);
  for (int cpu : cpus) set.Add(cpu);
  if (sched_setaffinity(0, set.bytes(), set.get()) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot run on CPU ", absl::StrJoin(cpus, ","),
                     ", which does not exist or is not allowed here: ",
                     std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace pinion
