// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/busy_loops.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "pinion/core/cpu/affinity.h"

namespace pinion::bench {
namespace {

// In the new process.
[[noreturn]] void Loop(int cpu, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // It died before the line above.
  if (!RunThisThreadOn({cpu}).ok()) _exit(1);
  for (volatile bool on = true; on;) {
  }
  _exit(0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<BusyLoops>> BusyLoops::Start(
    const std::vector<int>& cpus) {
  std::unique_ptr<BusyLoops> loops(new BusyLoops);
  const pid_t parent = getpid();
  for (const int cpu : cpus) {
    const pid_t pid = fork();
    if (pid == 0) Loop(cpu, parent);
    if (pid < 0) {
      return absl::InternalError(
          absl::StrCat("cannot start a process: ", std::strerror(errno)));
    }
    loops->loops_.push_back(pid);
  }
  return loops;
}

BusyLoops::~BusyLoops() {
  for (const pid_t loop : loops_) kill(loop, SIGKILL);
  for (const pid_t loop : loops_) waitpid(loop, nullptr, 0);
}

}  // namespace pinion::bench
