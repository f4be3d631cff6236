// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/process_setup.h"

#include <fcntl.h>
#include <grpc/support/log.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "pinion/server/log.h"
#include "pinion/server/log/server_log.h"

namespace pinion {
namespace {

absl::string_view FileName(absl::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0.
}

LogLevel LevelOf(gpr_log_severity severity) {
  switch (severity) {
    case GPR_LOG_SEVERITY_DEBUG:
      return LogLevel::kDebug;
    case GPR_LOG_SEVERITY_INFO:
      return LogLevel::kInfo;
    case GPR_LOG_SEVERITY_ERROR:
      break;
  }
  return LogLevel::kError;
}

void LogGrpcsLine(gpr_log_func_args* line) {
  std::string place = absl::StrCat(FileName(line->file), ":", line->line);
  std::string message = absl::StrCat(place, ": ", line->message);
  ProcessLog().Write({.level = LevelOf(line->severity),
                      .area = LogArea::kGrpc,
                      .event = std::move(place),
                      .message = std::move(message)});
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
