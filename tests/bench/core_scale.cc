// SPDX-License-Identifier: Apache-2.0
//
// core_scale: whether an item costs more when there are more workers or more
// armed timers, and what a timer itself costs.
//
// What is measured is CPU time: with more workers than CPUs, the time on the
// wall tells how they take turns and not what they do.
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "pinion/core/base/check.h"
#include "pinion/core/clock.h"
#include "pinion/core/cpu/affinity.h"
#include "pinion/core/cycle_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_batch.h"
#include "pinion/core/work_item.h"
#include "pinion/core/work_lists.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"
#include "pinion/tools/command_line.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the tables");
ABSL_FLAG(int, rounds, 21, "how often each is measured; 1 to 1000");
ABSL_FLAG(int, bursts, 512,
          "how many bursts one measurement takes, in all; a multiple of 64 up "
          "to 1000000");

namespace pinion::bench {
namespace {

constexpr char kUsage[] =
    "usage: core_scale [FLAG]...\n\n"
    "Measures the CPU time of an item with 1 to 64 workers, and with 1 to "
    "100000\n"
    "armed timers.\n\n"
    "Items come in bursts, each in one chain for one worker, of 1 and of 256 "
    "items.\n"
    "A burst finds its worker asleep. So whatever the number of workers, a "
    "burst is\n"
    "one append, one wake, one run and one sleep, and there are as many bursts "
    "in\n"
    "all; the same items in bursts that shrink as workers are added would need "
    "more\n"
    "wakes for each.\n"
    "  workers_N          bursts go to one worker after the other, each when "
    "the one\n"
    "                     before was handled\n"
    "  workers_N_at_once  to all, and again when all were handled\n"
    "  timers_N           to one worker that has N timers armed\n\n"
    "ns_per_item is the CPU time of the workers and of the appends, for each "
    "item.\n"
    "It leaves out how the producer waits, which it does spinning, on a CPU of "
    "its\n"
    "own. The workers share the other CPUs (cpu_policy float), also if there "
    "is one\n"
    "worker; they do not spin, and have the program's scheduling policy, "
    "SCHED_OTHER\n"
    "as a rule, under which other load on the CPUs draws out a run the "
    "least.\n\n"
    "ns_per_timer is the CPU time of the worker for\n"
    "  rearm  moving one of N armed timers to another time\n"
    "  fire   one of N armed timers that is due: it fires, its task runs and "
    "arms it\n"
    "         again; all N are due, and a round of the worker fires up to 128";

// How many items come at once; the larger is what one run may handle.
constexpr int kBursts[] = {1, 256};
constexpr int kWorkers[] = {1, 2, 4, 16, 64};
constexpr int kTimers[] = {1, 10, 100, 1'000, 10'000, 100'000};

struct Item : WorkItem {
  uint64_t handled = 0;
};

uint64_t CpuNanos(clockid_t clock) {
  timespec used;
  clock_gettime(clock, &used);
  return static_cast<uint64_t>(used.tv_sec) * 1'000'000'000 +
         static_cast<uint64_t>(used.tv_nsec);
}

// Of all threads but the calling one.
uint64_t OtherThreadsNanos() {
  return CpuNanos(CLOCK_PROCESS_CPUTIME_ID) - CpuNanos(CLOCK_THREAD_CPUTIME_ID);
}

// The CPU of the producer, which is the calling thread, and those that workers
// share.
struct Cpus {
  std::vector<int> all;
  int producer;
  std::string workers;
};

// Has the calling thread on the producer's CPU while it lives. Workers are
// started before: they get what the calling thread may use.
class ProducerHere {
 public:
  explicit ProducerHere(const Cpus& cpus) : cpus_(cpus) {
    Move({cpus.producer});
  }
  ~ProducerHere() { Move(cpus_.all); }
  ProducerHere(const ProducerHere&) = delete;
  ProducerHere& operator=(const ProducerHere&) = delete;

 private:
  static void Move(const std::vector<int>& cpus) {
    const absl::Status status = RunThisThreadOn(cpus);
    PINION_CHECK(status.ok(), status.message());
  }

  const Cpus& cpus_;
};

std::unique_ptr<Scheduler> StartWorkers(int workers, const Cpus& cpus) {
  auto scheduler =
      Scheduler::Start({.workers = workers,
                        .cpus = cpus.workers,
                        .cpu_policy = CpuPolicy::kFloat,
                        .worker = {.batch_scheduling = false,
                                   .spin = {.policy = SpinPolicy::kNever}}});
  PINION_CHECK(scheduler.ok(), scheduler.status().message());
  return *std::move(scheduler);
}

// Runs `function` on the only worker of `scheduler`, and waits for it.
void RunOnWorker(Scheduler& scheduler, const std::function<void()>& function) {
  absl::Notification done;
  Task* task = scheduler.AddTask(0, [&](WakeReasons) {
    function();
    done.Notify();
  });
  task->Wake();
  done.WaitForNotification();
}

// Hands bursts to the workers of `scheduler`, and tells what an item takes.
class Bursts {
 public:
  Bursts(Scheduler& scheduler, size_t items)
      : workers_(scheduler.worker_count()) {
    for (Worker& worker : workers_) worker.items = std::vector<Item>(items);
    lists_ = WorkLists<Item>::Create(scheduler, {.capacity = items},
                                     [this](int worker, WorkBatch& batch) {
                                       Handle(workers_[worker], batch);
                                     })
                 .value();
  }

  // `bursts` in all, of which `at_once` workers get one each at the same time.
  double NanosPerItem(int bursts, int at_once, const Cpus& cpus) {
    const ProducerHere here(cpus);
    SendAll(static_cast<int>(workers_.size()), 1);  // To warm the caches.
    const uint64_t begun = OtherThreadsNanos();
    const uint64_t append_ticks = SendAll(bursts, at_once);
    const uint64_t nanos = OtherThreadsNanos() - begun;
    const double items = static_cast<double>(workers_[0].items.size()) * bursts;
    return static_cast<double>(nanos + CycleClock::ToNanos(append_ticks)) /
           items;
  }

 private:
  struct alignas(64) Worker {
    std::vector<Item> items;
    uint64_t sent = 0;
    alignas(64) uint64_t handled = 0;
    std::atomic<uint64_t> done{0};  // What was handled, for the producer.
  };

  static void Handle(Worker& worker, WorkBatch& batch) {
    while (Item* item = batch.Pop<Item>()) {
      ++item->handled;
      ++worker.handled;
    }
    // Release, with the acquire in AwaitSleep(): the items are the producer's
    // again.
    worker.done.store(worker.handled, std::memory_order_release);
  }

  // Returns how many ticks the appends took.
  uint64_t SendAll(int bursts, int at_once) {
    uint64_t append_ticks = 0;
    for (int sent = 0; sent < bursts; sent += at_once) {
      const size_t first = sent % workers_.size();
      for (int i = 0; i < at_once; ++i) append_ticks += Send(first + i);
      for (int i = 0; i < at_once; ++i) AwaitSleep(workers_[first + i]);
    }
    return append_ticks;
  }

  // Returns how many ticks the append took.
  uint64_t Send(size_t worker) {
    WorkChain chain;
    for (Item& item : workers_[worker].items) chain.Push(&item);
    workers_[worker].sent += chain.size();
    const uint64_t begun = CycleClock::Now();
    const Appended appended = lists_->Add(static_cast<int>(worker), chain);
    const uint64_t took = CycleClock::Now() - begun;
    PINION_CHECK(Accepted(appended), "a list was full");
    return took;
  }

  // Returns when the worker has handled all, and has had the time to sleep.
  static void AwaitSleep(const Worker& worker) {
    while (worker.done.load(std::memory_order_acquire) != worker.sent) {
    }
    static const uint64_t ticks = CycleClock::FromNanos(10'000);
    const uint64_t done = CycleClock::Now();
    while (CycleClock::Now() - done < ticks) {
    }
  }

  std::vector<Worker> workers_;
  WorkLists<Item>* lists_;
};

// Numbers without a pattern, at next to no cost (Knuth's MMIX generator).
class Dice {
 public:
  // 0 to `sides` - 1.
  uint64_t Throw(uint64_t sides) {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return (state_ >> 32) * sides >> 32;
  }

 private:
  uint64_t state_ = 1;
};

// A number of timers of the only worker of `scheduler`, which are always armed,
// and what one takes.
class Timers {
 public:
  // Armed for a time that does not come.
  Timers(Scheduler& scheduler, int count)
      : scheduler_(scheduler), timers_(count) {
    for (Timer& timer : timers_) {
      timer.task =
          scheduler.AddTask(0, [this, &timer](WakeReasons) { Fire(timer); });
    }
    RunOnWorker(scheduler, [this] {
      for (Timer& timer : timers_) Postpone(timer);
    });
  }

  int64_t count() const { return static_cast<int64_t>(timers_.size()); }

  double NanosPerRearm() {
    uint64_t nanos = 0;
    RunOnWorker(scheduler_, [&] {
      const uint64_t begun = CpuNanos(CLOCK_THREAD_CPUTIME_ID);
      for (int i = 0; i < kOperations; ++i) {
        Postpone(timers_[dice_.Throw(timers_.size())]);
      }
      nanos = CpuNanos(CLOCK_THREAD_CPUTIME_ID) - begun;
    });
    return static_cast<double>(nanos) / kOperations;
  }

  // Afterwards they are armed as before.
  double NanosPerFire() {
    none_due_ = std::make_unique<absl::Notification>();
    RunOnWorker(scheduler_, [this] {
      for (Timer& timer : timers_) {
        timer.at = start_ + std::chrono::hours(-1);
        PutOff(timer);
      }
      left_ = kOperations;
      due_ = timers_.size();
      fire_nanos_ = CpuNanos(CLOCK_THREAD_CPUTIME_ID);
    });
    none_due_->WaitForNotification();
    return static_cast<double>(fire_nanos_) / kOperations;
  }

 private:
  static constexpr int kOperations = 20'000;

  struct Timer {
    Task* task = nullptr;
    Moment at;
  };

  // Arms it for a time that does not come.
  void Postpone(Timer& timer) {
    timer.task->WakeAt(start_ + std::chrono::hours(1) +
                       std::chrono::microseconds(dice_.Throw(1'000'000)));
  }

  // Arms it for a time that has passed, later than its last: as many timers are
  // due before it as after it, on average.
  void PutOff(Timer& timer) {
    const uint64_t most = 2000 * timers_.size();
    timer.at = timer.at + std::chrono::nanoseconds(1 + dice_.Throw(most));
    timer.task->WakeAt(timer.at);
  }

  void Fire(Timer& timer) {
    if (left_ > 0) {
      PutOff(timer);
      if (--left_ > 0) return;
      fire_nanos_ = CpuNanos(CLOCK_THREAD_CPUTIME_ID) - fire_nanos_;
    } else {
      Postpone(timer);
      if (--due_ == 0) none_due_->Notify();
    }
  }

  Scheduler& scheduler_;
  const Moment start_ = scheduler_.clock().Now();
  std::vector<Timer> timers_;

  // The worker's while it runs.
  Dice dice_;
  int left_ = 0;    // How often one is yet to fire for the measurement,
  size_t due_ = 0;  // and how many are yet to be postponed after it.
  uint64_t fire_nanos_ = 0;
  std::unique_ptr<absl::Notification> none_due_;
};

// Workers, and what they are given; they live from the first round to the last.
class Setup {
 public:
  Setup(std::string name, int workers, const Cpus& cpus)
      : name_(std::move(name)), scheduler_(StartWorkers(workers, cpus)) {
    for (const int items : kBursts) {
      bursts_.push_back(std::make_unique<Bursts>(*scheduler_, items));
    }
  }

  void ArmTimers(int count) {
    timers_ = std::make_unique<Timers>(*scheduler_, count);
  }

  const std::string& name() const { return name_; }
  int workers() const { return scheduler_->worker_count(); }
  Bursts& bursts(size_t size) { return *bursts_[size]; }
  Timers* timers() { return timers_.get(); }

 private:
  const std::string name_;
  const std::unique_ptr<Scheduler> scheduler_;
  std::vector<std::unique_ptr<Bursts>> bursts_;  // By the index of kBursts.
  std::unique_ptr<Timers> timers_;
};

using Setups = std::vector<std::unique_ptr<Setup>>;

Setups MakeSetups(const Cpus& cpus) {
  Setups setups;
  for (const int workers : kWorkers) {
    setups.push_back(std::make_unique<Setup>(absl::StrCat("workers_", workers),
                                             workers, cpus));
  }
  for (const int count : kTimers) {
    setups.push_back(
        std::make_unique<Setup>(absl::StrCat("timers_", count), 1, cpus));
    setups.back()->ArmTimers(count);
  }
  return setups;
}

void MeasureItems(const Cpus& cpus, const Setups& setups, int bursts,
                  Report& report) {
  for (size_t size = 0; size < std::size(kBursts); ++size) {
    for (const auto& setup : setups) {
      Bursts& measured = setup->bursts(size);
      report.Add(setup->name(), {kBursts[size]},
                 {measured.NanosPerItem(bursts, 1, cpus)});
      if (setup->workers() == 1) continue;
      report.Add(setup->name() + "_at_once", {kBursts[size]},
                 {measured.NanosPerItem(bursts, setup->workers(), cpus)});
    }
  }
}

void MeasureTimers(const Setups& setups, Report& report) {
  for (const auto& setup : setups) {
    Timers* timers = setup->timers();
    if (timers == nullptr) continue;
    report.Add("rearm", {timers->count()}, {timers->NanosPerRearm()});
    report.Add("fire", {timers->count()}, {timers->NanosPerFire()});
  }
}

void MeasureRounds(int rounds, const Cpus& cpus, int bursts, Report& items,
                   Report& timers) {
  Progress progress;
  progress.Show("starting workers and arming timers");
  Setups setups = MakeSetups(cpus);
  for (int round = 0; round < rounds; ++round) {
    progress.Show(absl::StrCat("round ", round + 1, " of ", rounds));
    MeasureItems(cpus, setups, bursts, items);
    MeasureTimers(setups, timers);
    // None always follows the same other.
    std::rotate(setups.begin(), setups.begin() + 1, setups.end());
    if (round % 2 == 0) std::reverse(setups.begin(), setups.end());
  }
}

absl::StatusOr<Cpus> ChooseCpus() {
  const absl::StatusOr<std::vector<int>> all = AllowedCpus();
  if (!all.ok()) return all.status();
  if (all->size() < 2) {
    return absl::FailedPreconditionError(
        "the producer spins on a CPU of its own, so two are needed; this "
        "process may use one");
  }
  const std::vector<int> rest(all->begin() + 1, all->end());
  return Cpus{.all = *all,
              .producer = all->front(),
              .workers = absl::StrJoin(rest, ",")};
}

int Main(int argc, char** argv) {
  ParseFlags(argc, argv, kUsage);
  const int rounds = CheckedFlag(FLAGS_rounds, 1, 1000);
  const int bursts = CheckedFlag(FLAGS_bursts, 64, 1'000'000);
  if (bursts % 64 != 0) {
    ExitWithUsageError(absl::StrCat("--bursts cannot be ", bursts,
                                    "; valid are multiples of 64"));
  }
  const absl::StatusOr<Cpus> cpus = ChooseCpus();
  if (!cpus.ok()) return ExitCode(cpus.status());
  Report items("core_scale", {"burst"}, {{"ns_per_item", 1}});
  items.Compare("workers_64", "workers_1");
  items.Compare("workers_64_at_once", "workers_1");
  items.Compare("timers_100000", "timers_1");
  Report timers("core_scale", {"timers"}, {{"ns_per_timer", 1}});
  MeasureRounds(rounds, *cpus, bursts, items, timers);
  if (absl::GetFlag(FLAGS_json)) {
    absl::PrintF("%s%s", timers.Json(), items.Json());
  } else {
    absl::PrintF(
        "CPU time of an item and of a timer; medians of %d rounds.\n%s%s",
        rounds, timers.Text(), items.Text());
  }
  return 0;
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
