// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/scheduler.h"

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/core/base/check.h"

namespace pinion {
namespace {

absl::StatusOr<CpuPlan> PlanCpus(const SchedulerOptions& options) {
  absl::StatusOr<Machine> machine = ProbeMachine();
  if (!machine.ok()) return machine.status();
  return MakeCpuPlan({.workers = options.workers,
                      .cpus = options.cpus,
                      .policy = options.cpu_policy},
                     *machine);
}

absl::Status Check(const WorkerOptions& options) {
  if (options.timers >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a worker is to fire ", options.timers,
                   " timers in a round; possible are 1 or more"));
}

std::chrono::steady_clock::time_point DeadlineAfter(
    std::chrono::nanoseconds timeout) {
  return std::chrono::steady_clock::now() +
         std::min(timeout, Scheduler::kForever);
}

absl::Status NotOnAWorker(const char* what) {
  if (Worker::Current() == nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("a scheduler cannot be ", what,
                   " on a worker's thread, which would wait for itself; do it "
                   "on another"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Scheduler>> Scheduler::Start(
    const SchedulerOptions& options) {
  const absl::Status possible = Check(options.worker);
  if (!possible.ok()) return possible;
  absl::StatusOr<CpuPlan> plan = PlanCpus(options);
  if (!plan.ok()) return plan.status();
  CycleClock::ToNanos(0);  // Takes its 2 ms here, not in a worker's round.
  auto scheduler = std::unique_ptr<Scheduler>(
      new Scheduler(*std::move(plan), Clock(), /*manual=*/false));
  const CpuPlan& cpu_plan = scheduler->cpu_plan_;
  // A worker is among them once it runs: who stops them waits for each.
  scheduler->workers_.reserve(cpu_plan.workers);
  for (int i = 0; i < cpu_plan.workers; ++i) {
    std::unique_ptr<Worker> worker = scheduler->MakeWorker(options.worker);
    absl::Status status =
        worker->Start(cpu_plan.policy == CpuPolicy::kPin
                          ? std::vector<int>{cpu_plan.worker_cpus[i]}
                          : cpu_plan.worker_cpus);
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat("cannot start worker ", i,
                                                      ": ", status.message()));
    }
    scheduler->workers_.push_back(std::move(worker));
  }
  return scheduler;
}

std::unique_ptr<Scheduler> Scheduler::Manual(const SchedulerOptions& options,
                                             const Clock& clock) {
  PINION_CHECK(options.workers >= 1, "a manual scheduler of ", options.workers,
               " workers; it needs one or more");
  const absl::Status possible = Check(options.worker);
  PINION_CHECK(possible.ok(), possible.message());
  auto scheduler = std::unique_ptr<Scheduler>(
      new Scheduler(CpuPlan{}, clock, /*manual=*/true));
  for (int i = 0; i < options.workers; ++i) {
    scheduler->workers_.push_back(scheduler->MakeWorker(options.worker));
  }
  return scheduler;
}

std::unique_ptr<Worker> Scheduler::MakeWorker(const WorkerOptions& options) {
  const int index = worker_count();
  return std::make_unique<Worker>(index, options, clock_,
                                  [this, index] { HandBack(index); });
}

Scheduler::~Scheduler() {
  const absl::Status status = Stop();
  PINION_CHECK(status.ok(), status.message());
}

Task* Scheduler::AddTask(int worker, TaskOptions options,
                         Task::Function function) {
  return At(worker).AddTask(std::move(options), std::move(function));
}

void Scheduler::Keep(std::shared_ptr<Closable> closable) {
  bool refusing;
  {
    MutexLock lock(mutex_);
    kept_.push_back(closable);
    refusing = refusing_;
  }
  if (refusing) closable->Refuse();
}

absl::Status Scheduler::Drain(std::chrono::nanoseconds timeout) {
  absl::Status status = NotOnAWorker("drained");
  if (!status.ok()) return status;
  const auto deadline = DeadlineAfter(timeout);
  Refuse();
  std::vector<uint64_t> asked;
  for (auto& worker : workers_) asked.push_back(worker->AskForQuiet());
  if (manual_) RunUntilIdle(/*seed=*/0);
  for (size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i]->AwaitQuiet(asked[i], deadline)) continue;
    return absl::DeadlineExceededError(
        absl::StrCat("worker ", i, " still has work to do", WhatRuns(),
                     "; call again to wait on, or stop"));
  }
  return absl::OkStatus();
}

absl::Status Scheduler::Stop(std::chrono::nanoseconds timeout) {
  absl::Status status = NotOnAWorker("stopped");
  if (!status.ok()) return status;
  const auto deadline = DeadlineAfter(timeout);
  Refuse();
  for (auto& worker : workers_) worker->AskToEnd();
  if (manual_) {
    for (auto& worker : workers_) worker->Step();
  }
  for (size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i]->AwaitEnd(deadline)) continue;
    return absl::DeadlineExceededError(
        absl::StrCat("worker ", i, " has not ended its run", WhatRuns(),
                     "; call again to wait on"));
  }
  MutexLock lock(join_mutex_);
  for (auto& worker : workers_) worker->Join();
  return absl::OkStatus();
}

bool Scheduler::Step(int worker) {
  PINION_CHECK(manual_, "only a manual scheduler is stepped by hand");
  return At(worker).Step();
}

int Scheduler::RunUntilIdle(uint64_t seed, int max_steps) {
  PINION_CHECK(manual_, "only a manual scheduler is stepped by hand");
  std::mt19937_64 random(seed);
  int steps = 0;
  for (std::vector<Worker*> able; steps < max_steps; able.clear()) {
    for (auto& worker : workers_) {
      if (worker->HasWork()) able.push_back(worker.get());
    }
    if (able.empty()) break;
    able[random() % able.size()]->Step();
    ++steps;
  }
  return steps;
}

std::vector<WorkerStats> Scheduler::Snapshot() const {
  std::vector<WorkerStats> snapshot;
  for (auto& worker : workers_) snapshot.push_back(worker->stats());
  return snapshot;
}

const RunRecord& Scheduler::running(int worker) const {
  return At(worker).running();
}

pid_t Scheduler::thread_id(int worker) const { return At(worker).thread_id(); }

int Scheduler::CurrentWorker() {
  const Worker* worker = Worker::Current();
  return worker == nullptr ? -1 : worker->index();
}

Worker& Scheduler::At(int worker) const {
  PINION_CHECK(worker >= 0 && worker < worker_count(), "there is no worker ",
               worker, "; there are 0 to ", worker_count() - 1);
  return *workers_[worker];
}

std::vector<std::shared_ptr<Closable>> Scheduler::Kept() {
  MutexLock lock(mutex_);
  return kept_;
}

void Scheduler::Refuse() {
  {
    MutexLock lock(mutex_);
    refusing_ = true;
  }
  for (auto& closable : Kept()) closable->Refuse();
}

void Scheduler::HandBack(int worker) {
  for (auto& closable : Kept()) closable->HandBack(worker);
}

std::string Scheduler::WhatRuns() const {
  std::string text;
  for (const auto& worker : workers_) {
    const std::optional<RunRecord::Run> run = worker->running().Look();
    if (!run.has_value()) continue;
    const uint64_t nanos = clock_.TicksToNanos(clock_.Ticks() - run->begun);
    absl::StrAppend(&text, text.empty() ? "; " : ", ", "worker ",
                    worker->index(), " runs ",
                    run->task->name().empty() ? "a task" : run->task->name(),
                    " for ", nanos / 1'000'000, " ms");
  }
  return text;
}

}  // namespace pinion
