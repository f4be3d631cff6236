// SPDX-License-Identifier: Apache-2.0
//
// CgroupQuota: how much CPU time, and which CPUs, this process's cgroups grant.
//
// Threads: anyone. It reads files, so ask once, at the start.
// Finds:   v2, v1 and both at once, wherever they are mounted. The tightest
//          quota on the way from the process's group up to the mount counts.
// Example: absl::StatusOr<CgroupQuota> quota = ReadCgroupQuota();
//          if (quota.ok() && quota->cpus < 2) UseOneThread();
#ifndef PINION_CORE_CGROUP_QUOTA_H_
#define PINION_CORE_CGROUP_QUOTA_H_

#include <limits>
#include <string>

#include "absl/status/statusor.h"

namespace pinion {

struct CgroupQuota {
  // CPU seconds per second, above 0; infinity if nothing limits them.
  double cpus = std::numeric_limits<double>::infinity();
  // The file that says so; empty if nothing does.
  std::string source = {};

  // The CPUs of the process's cpuset as the kernel writes them, such as
  // "0-3,8", and the file that says so. Empty if there is no cpuset.
  std::string cpuset = {};
  std::string cpuset_source = {};
};

// Reads `root`/proc/self/{cgroup,mountinfo} and the files they lead to, below
// `root` too. A file that is absent limits nothing. INTERNAL if one cannot be
// read or is not understood; the message names it.
//
// A process outside of what is mounted, as a namespace can have it, is held to
// the mounted group's own quota.
absl::StatusOr<CgroupQuota> ReadCgroupQuota(const std::string& root = "");

}  // namespace pinion

#endif  // PINION_CORE_CGROUP_QUOTA_H_
