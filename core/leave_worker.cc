// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/leave_worker.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "pinion/core/cpu/affinity.h"
#include "pinion/core/scheduler.h"

namespace pinion {
namespace {

// The kernel's limit.
constexpr size_t kMaxName = 15;

}  // namespace

absl::Status LeaveWorker(const std::string& name) {
  if (name.empty() || name.size() > kMaxName) {
    return absl::InvalidArgumentError(
        absl::StrCat("the thread's name \"", name, "\" has ", name.size(),
                     " bytes; possible are 1 to ", kMaxName));
  }
  const int worker = Scheduler::CurrentWorker();
  if (worker >= 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "this is the thread of worker ", worker,
        " itself; call LeaveWorker() on the thread that you make"));
  }
  // The first thread's id is the process's.
  const absl::StatusOr<std::vector<int>> cpus = AllowedCpus(getpid());
  if (!cpus.ok()) return cpus.status();
  const absl::Status moved = RunThisThreadOn(*cpus);
  if (!moved.ok()) return moved;
  const sched_param unused = {};
  const int error = pthread_setschedparam(pthread_self(), SCHED_OTHER, &unused);
  if (error != 0) {
    return absl::InternalError(
        absl::StrCat("cannot run under SCHED_OTHER: ", std::strerror(error)));
  }
  pthread_setname_np(pthread_self(), name.c_str());
  return absl::OkStatus();
}

}  // namespace pinion
