// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace pinion::bench {
namespace {

constexpr absl::string_view kServe = "--serve=";

absl::Status ErrnoError(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// In the new process: becomes this program in its role, with `output` for its
// standard output.
[[noreturn]] void Become(const std::string& argument, int output,
                         pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // It died before the line above.
  dup2(output, STDOUT_FILENO);
  execl("/proc/self/exe", "/proc/self/exe", argument.c_str(), nullptr);
  _exit(1);
}

// One line from `input`; what there was of it if `input` ends before.
std::string ReadLine(int input) {
  std::string line;
  char c;
  while (read(input, &c, 1) == 1 && c != '\n') line += c;
  return line;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    absl::string_view role) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("cannot make a pipe");
  const std::string argument = absl::StrCat(kServe, role);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Become(argument, ends[1], parent);
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return ErrnoError("cannot start a process");
  }
  std::unique_ptr<ChildProcess> child(new ChildProcess(std::string(role), pid));
  child->address_ = ReadLine(ends[0]);
  close(ends[0]);
  if (child->address_.empty()) {
    return absl::InternalError(
        absl::StrCat("the server ", role, " ended before it served"));
  }
  return child;
}

ChildProcess::~ChildProcess() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

absl::Duration ChildProcess::CpuTime() const {
  clockid_t clock;
  timespec used = {};
  if (clock_getcpuclockid(pid_, &clock) == 0) clock_gettime(clock, &used);
  return absl::DurationFromTimespec(used);
}

int64_t ChildProcess::ResidentBytes() const {
  // The second number: pages.
  std::ifstream file(absl::StrCat("/proc/", pid_, "/statm"));
  int64_t virtual_pages = 0;
  int64_t resident_pages = 0;
  file >> virtual_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

absl::Duration OwnCpuTime() {
  timespec used = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return absl::DurationFromTimespec(used);
}

std::optional<std::string> ChildRole(int argc, char** argv) {
  absl::string_view role = argc == 2 ? argv[1] : "";
  if (!absl::ConsumePrefix(&role, kServe)) return std::nullopt;
  return std::string(role);
}

void ServeAt(absl::string_view address) {
  std::printf("%s\n", std::string(address).c_str());
  std::fflush(stdout);
  for (;;) pause();
}

}  // namespace pinion::bench
