// SPDX-License-Identifier: Apache-2.0
//
// wake: how long it takes two workers to wake each other, beside two threads
// that do nothing else.
//
// A round trip is there and back: a task on one worker wakes a task on the
// other, whose run wakes the first again. Each one is timed, on the first side.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "pinion/core/base/check.h"
#include "pinion/core/cpu/affinity.h"
#include "pinion/core/cpu/cpu_plan.h"
#include "pinion/core/cycle_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the tables");
ABSL_FLAG(int, rounds, 31, "how often each is measured; 1 to 1000");
ABSL_FLAG(double, seconds, 0.1,
          "how long one measurement takes; above 0, at most 60");

namespace pinion::bench {
namespace {

constexpr char kUsage[] =
    "usage: wake [FLAG]...\n\n"
    "Measures the round trip of a wake between two workers, each pinned to its "
    "CPU:\n"
    "  sleeping    both sleep in the kernel between two wakes\n"
    "  spinning    neither ever sleeps\n"
    "  adaptive    they spin while that pays, as workers do by default\n"
    "  bare_futex  no workers: two threads, one word and the futex system "
    "call\n"
    "All four have the same two CPUs and the scheduling policy the program was "
    "started\n"
    "with, SCHED_OTHER as a rule. Workers are SCHED_BATCH by default, under "
    "which a\n"
    "wake waits for the time slice of whatever else runs on the CPU; that "
    "would be\n"
    "measured in place of the wake. On an idle CPU the two are alike.";

// Enough for any percentile; a measurement that reaches it ends before its
// time.
constexpr size_t kMaxRoundTrips = 2'000'000;

// What the first side notes of a measurement.
class RoundTrips {
 public:
  // Ends after `length`, the first tenth of which is not noted: by then both
  // sides run at their CPUs' full speed, and spin if they learn to.
  explicit RoundTrips(std::chrono::nanoseconds length)
      : length_(CycleClock::FromNanos(length.count())),
        spans_(kMaxRoundTrips) {}

  // Before the first round trip.
  void Begin() { begun_ = last_ = CycleClock::Now(); }

  // After each; false if it was the last.
  bool Note() {
    const uint64_t now = CycleClock::Now();
    const uint64_t span = now - last_;
    last_ = now;
    if (now - begun_ < length_ / 10) return true;
    spans_[noted_++] = span;
    return now - begun_ < length_ && noted_ < kMaxRoundTrips;
  }

  double Micros(double percentile) {
    const auto at =
        static_cast<size_t>(static_cast<double>(noted_ - 1) * percentile / 100);
    std::nth_element(spans_.begin(), spans_.begin() + at,
                     spans_.begin() + noted_);
    return static_cast<double>(CycleClock::ToNanos(spans_[at])) / 1000;
  }

 private:
  const uint64_t length_;  // In ticks, as all of these.
  uint64_t begun_ = 0;
  uint64_t last_ = 0;
  size_t noted_ = 0;
  std::vector<uint64_t> spans_;
};

// The CPUs of the two sides.
using Cpus = std::vector<int>;

// Each has the two sides wake each other until `trips` has had enough.

void PassBetweenWorkers(const SpinOptions& spin, const Cpus& cpus,
                        RoundTrips& trips) {
  absl::Notification over;
  Task* there = nullptr;
  const auto scheduler =
      Scheduler::Start({.workers = 2,
                        .cpus = absl::StrJoin(cpus, ","),
                        .worker = {.batch_scheduling = false, .spin = spin}});
  PINION_CHECK(scheduler.ok(), scheduler.status().message());
  Task* here = (*scheduler)->AddTask(0, [&](WakeReasons) {
    if (trips.Note()) {
      there->Wake();
    } else {
      over.Notify();
    }
  });
  there = (*scheduler)->AddTask(1, [here](WakeReasons) { here->Wake(); });
  trips.Begin();
  here->Wake();
  over.WaitForNotification();
}

void PassSleeping(const Cpus& cpus, RoundTrips& trips) {
  PassBetweenWorkers({.policy = SpinPolicy::kNever}, cpus, trips);
}

void PassSpinning(const Cpus& cpus, RoundTrips& trips) {
  PassBetweenWorkers(
      {.policy = SpinPolicy::kAlways, .limit = std::chrono::hours(1)}, cpus,
      trips);
}

void PassAdaptively(const Cpus& cpus, RoundTrips& trips) {
  PassBetweenWorkers({.policy = SpinPolicy::kAdaptive}, cpus, trips);
}

// Whose turn it is; the only word that two bare threads share.
enum Turn : uint32_t { kHere, kThere, kOver };

void AwaitChange(std::atomic<uint32_t>& turn, uint32_t from) {
  while (turn.load(std::memory_order_acquire) == from) {
    syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, from, nullptr, nullptr, 0);
  }
}

void Give(std::atomic<uint32_t>& turn, uint32_t to) {
  turn.store(to, std::memory_order_release);
  syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

// Puts the calling thread where a worker would be.
void SettleOn(int cpu) {
  const absl::Status status = RunThisThreadOn({cpu});
  PINION_CHECK(status.ok(), status.message());
}

void PassBetweenThreads(const Cpus& cpus, RoundTrips& trips) {
  std::atomic<uint32_t> turn{kHere};
  std::thread there([&] {
    SettleOn(cpus[1]);
    for (;;) {
      AwaitChange(turn, kHere);
      if (turn.load(std::memory_order_relaxed) == kOver) break;
      Give(turn, kHere);
    }
  });
  std::thread here([&] {
    SettleOn(cpus[0]);
    trips.Begin();
    do {
      Give(turn, kThere);
      AwaitChange(turn, kThere);
    } while (trips.Note());
    Give(turn, kOver);
  });
  here.join();
  there.join();
}

struct Impl {
  const char* name;
  void (*pass)(const Cpus& cpus, RoundTrips& trips);
};

constexpr Impl kImpls[] = {
    {"sleeping", PassSleeping},
    {"spinning", PassSpinning},
    {"adaptive", PassAdaptively},
    {"bare_futex", PassBetweenThreads},
};

constexpr int64_t kSides = 2;

void MeasureRound(int round, const Cpus& cpus, std::chrono::nanoseconds length,
                  Report& report) {
  Progress progress;
  for (size_t i = 0; i < std::size(kImpls); ++i) {
    const Impl& impl = kImpls[(i + round) % std::size(kImpls)];
    progress.Show(absl::StrCat("round ", round + 1, ": ", impl.name));
    RoundTrips trips(length);
    impl.pass(cpus, trips);
    report.Add(impl.name, {kSides}, {trips.Micros(50), trips.Micros(99)});
  }
}

// Those that two pinned workers get here.
absl::StatusOr<Cpus> ChooseCpus() {
  const absl::StatusOr<Machine> machine = ProbeMachine();
  if (!machine.ok()) return machine.status();
  const auto plan = MakeCpuPlan({.workers = 2}, *machine);
  if (!plan.ok()) return plan.status();
  return plan->worker_cpus;
}

int Main(int argc, char** argv) {
  ParseFlags(argc, argv, kUsage);
  const int rounds = CheckedFlag(FLAGS_rounds, 1, 1000);
  const absl::Duration length = CheckedSeconds(FLAGS_seconds, 60);
  const absl::StatusOr<Cpus> cpus = ChooseCpus();
  if (!cpus.ok()) {
    return ExitCode(absl::FailedPreconditionError(
        absl::StrCat("two sides need a CPU each: ", cpus.status().message())));
  }
  Report report("wake", {"sides"}, {{"p50_us", 3}, {"p99_us", 3}});
  report.Compare("sleeping", "bare_futex");
  report.Compare("adaptive", "bare_futex");
  for (int round = 0; round < rounds; ++round) {
    MeasureRound(round, *cpus, absl::ToChronoNanoseconds(length), report);
  }
  report.Print(
      absl::GetFlag(FLAGS_json),
      absl::StrFormat("Round trips of a wake between CPUs %s, there and back; "
                      "medians of %d rounds.",
                      absl::StrJoin(*cpus, " and "), rounds));
  return 0;
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
