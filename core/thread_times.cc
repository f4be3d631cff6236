// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/thread_times.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace pinion {
namespace {

using std::chrono::nanoseconds;

absl::Status NoSuchThread(pid_t thread) {
  return absl::NotFoundError(absl::StrCat("there is no thread ", thread));
}

absl::Status NotUnderstood(const std::string& path,
                           absl::string_view expected) {
  return absl::InternalError(absl::StrCat(
      "cannot tell a thread's times: ", path, " has no ", expected));
}

// NOT_FOUND if there is no such file (any more).
absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"),
                                             &std::fclose);
  std::string text;
  if (file != nullptr) {
    char part[4096];
    while (size_t size = std::fread(part, 1, sizeof(part), file.get())) {
      text.append(part, size);
    }
    if (std::ferror(file.get()) == 0) return text;
  }
  const std::string message =
      absl::StrCat("cannot read ", path, ": ", std::strerror(errno));
  // ESRCH: the thread ended while its file was open.
  return errno == ENOENT || errno == ESRCH ? absl::NotFoundError(message)
                                           : absl::InternalError(message);
}

// What stands in the line of `text` that begins with `name`; nothing if there
// is no such line.
absl::string_view Field(absl::string_view text, absl::string_view name) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::ConsumePrefix(&line, name)) {
      return absl::StripAsciiWhitespace(line);
    }
  }
  return {};
}

// Takes `blocked` and `voluntary_switches` from `folder`/status.
absl::Status TakeStatus(ThreadTimes& times, const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/status");
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  // "S (sleeping)"; R is both on a CPU and ready for one.
  const absl::string_view state = Field(*text, "State:");
  if (state.empty()) return NotUnderstood(path, "state");
  if (!absl::SimpleAtoi(Field(*text, "voluntary_ctxt_switches:"),
                        &times.voluntary_switches)) {
    return NotUnderstood(path, "number of voluntary_ctxt_switches");
  }
  times.blocked = state[0] != 'R';
  return absl::OkStatus();
}

// Takes `run_delay` from `folder`/schedstat, where there is one: nanoseconds on
// a CPU, nanoseconds waiting for one, times put on one.
absl::Status TakeRunDelay(ThreadTimes& times, const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/schedstat");
  const absl::StatusOr<std::string> text = ReadText(path);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  if (!text.ok()) return text.status();
  const std::vector<absl::string_view> words = absl::StrSplit(*text, ' ');
  int64_t run_delay = 0;
  if (words.size() < 2 || !absl::SimpleAtoi(words[1], &run_delay)) {
    return NotUnderstood(path, "second number");
  }
  times.run_delay = nanoseconds(run_delay);
  return absl::OkStatus();
}

// Takes `cpu` from the thread's own clock: schedstat has it as well, but may be
// behind by a timer tick.
absl::Status TakeCpu(ThreadTimes& times, pid_t thread) {
  // How the kernel names that clock; pthread_getcpuclockid() knows it only by
  // the pthread_t.
  constexpr uint32_t kOfThread = 4, kTimeOnCpu = 2;
  const auto clock = static_cast<clockid_t>(
      ~static_cast<uint32_t>(thread) << 3 | kOfThread | kTimeOnCpu);
  timespec cpu = {};
  if (clock_gettime(clock, &cpu) != 0) return NoSuchThread(thread);
  times.cpu = std::chrono::seconds(cpu.tv_sec) + nanoseconds(cpu.tv_nsec);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ThreadTimes> ReadThreadTimes(pid_t thread,
                                            const std::string& tasks) {
  const std::string folder = absl::StrCat(tasks, "/", thread);
  ThreadTimes times;
  absl::Status taken = TakeStatus(times, folder);
  if (absl::IsNotFound(taken)) {
    // Or there is, and no /proc.
    const bool exists = tgkill(getpid(), thread, 0) == 0;
    return exists ? absl::InternalError(taken.message()) : NoSuchThread(thread);
  }
  if (taken.ok()) taken = TakeRunDelay(times, folder);
  // Last, so that a caller who reads the time next has both of one moment.
  if (taken.ok()) taken = TakeCpu(times, thread);
  if (!taken.ok()) return taken;
  return times;
}

nanoseconds NotGiven(const ThreadTimes& before, const ThreadTimes& after,
                     nanoseconds wall) {
  const nanoseconds without_cpu =
      std::max(wall - (after.cpu - before.cpu), nanoseconds(0));
  // One that was blocked at first need not have blocked again.
  const bool blocked = before.blocked || after.blocked ||
                       before.voluntary_switches != after.voluntary_switches;
  return blocked ? std::min(after.run_delay - before.run_delay, without_cpu)
                 : without_cpu;
}

}  // namespace pinion
