// SPDX-License-Identifier: Apache-2.0
//
// Affinity: which CPUs a thread may run on, asked of the kernel.
//
// Threads: anyone. CPU numbers may be sparse and of any size.
// Example: absl::StatusOr<std::vector<int>> cpus = AllowedCpus();
#ifndef PINION_CORE_AFFINITY_H_
#define PINION_CORE_AFFINITY_H_

#include <sys/types.h>

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace pinion {

// The CPUs that thread `thread` may run on, in rising order; 0 is the caller.
// NOT_FOUND if there is no such thread (any more).
absl::StatusOr<std::vector<int>> AllowedCpus(pid_t thread = 0);

// Lets the calling thread run on `cpus` alone, of which there is one at least.
// INVALID_ARGUMENT if none of them exists and is this process's to use.
absl::Status RunThisThreadOn(const std::vector<int>& cpus);

}  // namespace pinion

#endif  // PINION_CORE_AFFINITY_H_
