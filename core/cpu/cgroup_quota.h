// SPDX-License-Identifier: Apache-2.0
//
// CgroupQuota: how much CPU time, and which CPUs, this process's cgroups allow.
//
// Threads: any thread. It reads files, so call it once, at the start.
// Finds:   v2, v1 and both at once, wherever they are mounted. The tightest
//          quota from the process's group up to the mount counts.
// Example: absl::StatusOr<CgroupQuota> quota = ReadCgroupQuota();
//          if (quota.ok() && quota->cpus < 2) UseOneThread();
#ifndef PINION_CORE_CPU_CGROUP_QUOTA_H_
#define PINION_CORE_CPU_CGROUP_QUOTA_H_

#include <limits>
#include <string>

#include "absl/status/statusor.h"

namespace pinion {

struct CgroupQuota {
  // CPU seconds per second, above 0; infinity if there is no limit.
  double cpus = std::numeric_limits<double>::infinity();
  // The file that sets the limit; empty if there is none.
  std::string source = {};

  // The CPUs of the process's cpuset in the kernel's notation, such as "0-3,8",
  // and the file that sets them. Empty if there is no cpuset.
  std::string cpuset = {};
  std::string cpuset_source = {};
};

// Reads `root`/proc/self/{cgroup,mountinfo} and the files that these name, also
// below `root`. A missing file means no limit. INTERNAL if a file cannot be
// read or understood; the message names it.
//
// If the process lies outside the mounted groups, as a namespace may cause, the
// mounted group's own quota counts.
absl::StatusOr<CgroupQuota> ReadCgroupQuota(const std::string& root = "");

}  // namespace pinion

#endif  // PINION_CORE_CPU_CGROUP_QUOTA_H_
