// SPDX-License-Identifier: Apache-2.0
//
// accounting: what it costs that a worker counts each task's runs, their time
// and how long they waited.
//
// The same program is built twice, with and without; one starts both, in turn,
// each measurement in a process of its own.
#include <limits.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "pinion/core/base/check.h"
#include "pinion/core/cpu/affinity.h"
#include "pinion/core/monotonic_nanos.h"
#include "pinion/core/scheduler.h"
#include "pinion/tests/bench/support/child_process.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the tables");
ABSL_FLAG(int, rounds, 91, "how often each is measured; 1 to 1000");
ABSL_FLAG(double, seconds, 0.1,
          "how long one measurement takes; above 0, at most 60");

namespace pinion::bench {
namespace {

constexpr char kUsage[] =
    "usage: accounting [FLAG]...\n\n"
    "Measures runs of a task that take a microsecond each, in a build that "
    "counts what\n"
    "each task costs (with) and in one that does not (without).\n"
    "  woken_by_other = 0  the task wakes itself\n"
    "  woken_by_other = 1  two tasks on two workers, which never sleep, wake "
    "each other;\n"
    "                      a run's time is then half of a round trip's, so "
    "that what the\n"
    "                      wake costs its caller is in it too\n"
    "Times are CPU times, medians of stretches of 100 runs.";

#ifdef PINION_WITHOUT_ACCOUNTING
constexpr bool kWithAccounting = false;
#else
constexpr bool kWithAccounting = true;
#endif

// Long against a reading of the clock, short against the time slices in which
// others use the CPUs.
constexpr int kRunsOfStretch = 100;

// The microsecond. Four generators (Marsaglia's xorshift) that wait for nothing
// and for none of each other keep the CPU's arithmetic units busy, so that the
// accounting cannot hide behind them.
[[gnu::noinline, gnu::aligned(64)]] void Work(int steps) {
  uint64_t a = 1, b = 2, c = 3, d = 4;
  const auto next = [](uint64_t& x) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  };
  for (int i = 0; i < steps; ++i) {
    next(a), next(b), next(c), next(d);
    asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
  }
}

// How many steps of Work() make up a microsecond here.
int StepsOfMicrosecond() {
  constexpr int kSteps = 100'000;
  int64_t shortest = INT64_MAX;
  for (int i = 0; i < 100; ++i) {
    const int64_t begun = MonotonicNanos();
    Work(kSteps);
    shortest = std::min(shortest, MonotonicNanos() - begun);
  }
  return static_cast<int>(int64_t{kSteps} * 1000 / shortest);
}

double ThreadCpuNanos() {
  timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e9 +
         static_cast<double>(used.tv_nsec);
}

// The CPU time of a run, of the thread that notes it.
class Stretches {
 public:
  explicit Stretches(int64_t length_nanos)
      : end_(MonotonicNanos() + length_nanos) {}

  // After each run; false if it was the last.
  bool Note() {
    if (--runs_left_ > 0) return true;
    runs_left_ = kRunsOfStretch;
    const double now = ThreadCpuNanos();
    // The first one began at an unknown time.
    if (begun_ != 0) nanos_.push_back((now - begun_) / kRunsOfStretch);
    begun_ = now;
    return nanos_.empty() || MonotonicNanos() < end_;
  }

  double Nanos() const { return Median(nanos_); }

 private:
  const int64_t end_;
  int runs_left_ = kRunsOfStretch;
  double begun_ = 0;
  std::vector<double> nanos_;
};

std::unique_ptr<Scheduler> StartWorkers(int workers) {
  auto scheduler =
      Scheduler::Start({.workers = workers,
                        .worker = {.spin = {.policy = SpinPolicy::kAlways,
                                            .limit = std::chrono::hours(1)}}});
  PINION_CHECK(scheduler.ok(), scheduler.status().message());
  return *std::move(scheduler);
}

double NanosPerRunOfOne(int steps, int64_t length_nanos) {
  Stretches noted(length_nanos);
  absl::Notification over;
  Task* task = nullptr;
  const auto scheduler = StartWorkers(1);
  task = scheduler->AddTask(0, [&](WakeReasons) {
    Work(steps);
    noted.Note() ? task->Wake() : over.Notify();
  });
  task->Wake();
  over.WaitForNotification();
  return noted.Nanos();
}

double NanosPerRunOfTwo(int steps, int64_t length_nanos) {
  Stretches noted(length_nanos);
  absl::Notification over;
  Task* there = nullptr;
  const auto scheduler = StartWorkers(2);
  Task* here = scheduler->AddTask(0, [&](WakeReasons) {
    Work(steps);
    noted.Note() ? there->Wake() : over.Notify();
  });
  there = scheduler->AddTask(1, [here, steps](WakeReasons) {
    Work(steps);
    here->Wake();
  });
  here->Wake();
  over.WaitForNotification();
  return noted.Nanos() / 2;
}

// What one process measures.
struct Role {
  bool with;
  bool woken_by_other;
  int steps;
  int64_t length_nanos;

  std::string ToString() const {
    return absl::StrCat(with, ",", woken_by_other, ",", steps, ",",
                        length_nanos);
  }
  static Role Parse(const std::string& text) {
    const std::vector<std::string> parts = absl::StrSplit(text, ',');
    Role role = {};
    PINION_CHECK(parts.size() == 4 && absl::SimpleAtob(parts[0], &role.with) &&
                     absl::SimpleAtob(parts[1], &role.woken_by_other) &&
                     absl::SimpleAtoi(parts[2], &role.steps) &&
                     absl::SimpleAtoi(parts[3], &role.length_nanos),
                 "not a role: ", text);
    return role;
  }
};

// Becomes the other build of this program, which lies beside it.
[[noreturn]] void BecomeTwin(char** argv) {
  char path[PATH_MAX] = {};
  PINION_CHECK(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0,
               "cannot tell where this program is");
  const std::string twin = absl::StrCat(path, "_without");
  execv(twin.c_str(), argv);
  std::fprintf(stderr, "accounting: cannot run %s, which bazel builds too\n",
               twin.c_str());
  _exit(1);
}

[[noreturn]] void Serve(const Role& role, char** argv) {
  if (role.with != kWithAccounting) BecomeTwin(argv);
  const auto measure =
      role.woken_by_other ? NanosPerRunOfTwo : NanosPerRunOfOne;
  ServeAt(absl::StrCat(measure(role.steps, role.length_nanos)));
}

absl::StatusOr<double> NanosPerRun(const Role& role) {
  // What the child tells is not an address but what it has measured.
  const auto child = ChildProcess::Start(role.ToString());
  if (!child.ok()) return child.status();
  double nanos;
  if (!absl::SimpleAtod((*child)->address(), &nanos)) {
    return absl::InternalError(
        absl::StrCat("a measurement ended with \"", (*child)->address(), "\""));
  }
  return nanos;
}

absl::Status MeasureRound(int round, int steps, int64_t length_nanos,
                          Report& report) {
  Progress progress;
  for (const bool woken_by_other : {false, true}) {
    for (const bool second : {false, true}) {
      // The first in one round is the second in the next.
      const bool with = second == (round % 2 == 0);
      const char* impl = with ? "with" : "without";
      progress.Show(absl::StrCat("round ", round + 1, ": ", impl));
      const auto nanos = NanosPerRun({.with = with,
                                      .woken_by_other = woken_by_other,
                                      .steps = steps,
                                      .length_nanos = length_nanos});
      if (!nanos.ok()) return nanos.status();
      report.Add(impl, {woken_by_other}, {*nanos});
    }
  }
  return absl::OkStatus();
}

absl::Status Measure(int rounds, int64_t length_nanos) {
  const auto cpus = AllowedCpus();
  if (!cpus.ok()) return cpus.status();
  if (cpus->size() < 2) {
    return absl::FailedPreconditionError(
        "two workers that wake each other need a CPU each; this process may "
        "use one");
  }
  Report report("accounting", {"woken_by_other"}, {{"ns_per_run", 1}});
  report.Compare("with", "without");
  const int steps = StepsOfMicrosecond();
  for (int round = 0; round < rounds; ++round) {
    const absl::Status status =
        MeasureRound(round, steps, length_nanos, report);
    if (!status.ok()) return status;
  }
  report.Print(
      absl::GetFlag(FLAGS_json),
      absl::StrFormat("Runs of a microsecond, with and without accounting; "
                      "medians of %d rounds.",
                      rounds));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  if (const std::optional<std::string> role = ChildRole(argc, argv)) {
    Serve(Role::Parse(*role), argv);
  }
  ParseFlags(argc, argv, kUsage);
  const int rounds = CheckedFlag(FLAGS_rounds, 1, 1000);
  const absl::Duration length = CheckedSeconds(FLAGS_seconds, 60);
  return ExitCode(Measure(rounds, absl::ToInt64Nanoseconds(length)));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
