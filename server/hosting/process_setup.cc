// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/process_setup.h"

#include <fcntl.h>
#include <grpc/support/log.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "pinion/server/log.h"
#include "pinion/server/log/log_queue.h"

namespace pinion {
namespace {

absl::string_view FileName(absl::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0.
}

void LogGrpcsLine(gpr_log_func_args* line) {
  StandardErrorLog().Add(
      absl::StrCat("gRPC: ", gpr_log_severity_string(line->severity), " ",
                   FileName(line->file), ":", line->line, ": ", line->message));
}

}  // namespace

void OpenStandardDescriptors() {
  for (int i = STDIN_FILENO; i <= STDERR_FILENO; ++i) {
    // What is opened gets the lowest number that is free: this one.
    if (fcntl(i, F_GETFD) < 0) open("/dev/null", O_RDWR);
  }
}

void IgnoreSigpipe() {
  struct sigaction now;
  if (sigaction(SIGPIPE, nullptr, &now) != 0) return;
  if (now.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
}

void AllowManyFiles() {
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

void DontLookForDeadlocks() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

void QueueGrpcsLines() { gpr_set_log_function(LogGrpcsLine); }

}  // namespace pinion
