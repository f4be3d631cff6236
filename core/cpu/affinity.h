// SPDX-License-Identifier: Apache-2.0
//
// Affinity: the CPUs on which a thread may run, according to the kernel.
//
// Threads: any thread. CPU numbers may be sparse and of any size.
// Example: absl::StatusOr<std::vector<int>> cpus = AllowedCpus();
#ifndef PINION_CORE_CPU_AFFINITY_H_
#define PINION_CORE_CPU_AFFINITY_H_

#include <sys/types.h>

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace pinion {

// The CPUs on which thread `thread` may run, in rising order; 0 is the caller.
// NOT_FOUND if there is no such thread (any more).
absl::StatusOr<std::vector<int>> AllowedCpus(pid_t thread = 0);

// Lets the calling thread run on `cpus` only, at least one. INVALID_ARGUMENT if
// none of them exists and is allowed to this process.
absl::Status RunThisThreadOn(const std::vector<int>& cpus);

}  // namespace pinion

#endif  // PINION_CORE_CPU_AFFINITY_H_
