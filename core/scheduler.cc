// SPDX-License-Identifier: Apache-2.0
#include "core/scheduler.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/cycle_clock.h"

namespace pinion {
namespace {

absl::StatusOr<CpuPlan> PlanCpus(const SchedulerOptions& options) {
  absl::StatusOr<Machine> machine = ProbeMachine();
  if (!machine.ok()) return machine.status();
  return MakeCpuPlan(
      {.workers = options.workers == 0 ? "auto" : absl::StrCat(options.workers),
       .cpus = options.cpus,
       .policy = options.cpu_policy},
      *machine);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Scheduler>> Scheduler::Start(
    const SchedulerOptions& options) {
  absl::StatusOr<CpuPlan> plan = PlanCpus(options);
  if (!plan.ok()) return plan.status();
  CycleClock::ToNanos(0);  // Takes its 2 ms here, not in a worker's round.
  auto scheduler = std::unique_ptr<Scheduler>(new Scheduler(*std::move(plan)));
  const CpuPlan& cpu_plan = scheduler->cpu_plan_;
  const bool pinned = cpu_plan.policy == CpuPolicy::kPin;
  for (int i = 0; i < cpu_plan.workers; ++i) {
    scheduler->workers_.push_back(std::make_unique<Worker>(
        WorkerOptions{.index = i,
                      .cpus = pinned ? std::vector<int>{cpu_plan.worker_cpus[i]}
                                     : cpu_plan.worker_cpus,
                      .batch_scheduling = options.batch_scheduling,
                      .normal = options.normal,
                      .bulk = options.bulk}));
    absl::Status status = scheduler->workers_.back()->Start();
    if (!status.ok()) {
      scheduler->workers_.pop_back();
      return absl::Status(status.code(), absl::StrCat("cannot start worker ", i,
                                                      ": ", status.message()));
    }
  }
  return scheduler;
}

Scheduler::~Scheduler() {
  const absl::Status status = Stop();
  PINION_CHECK(status.ok(), status.message());
  // Before the tasks, some of which the workers' inboxes may still link.
  workers_.clear();
}

Task* Scheduler::AddTask(int worker, TaskClass task_class,
                         Task::Function function) {
  PINION_CHECK(worker >= 0 && worker < worker_count(), "there is no worker ",
               worker, "; there are 0 to ", worker_count() - 1);
  MutexLock lock(mutex_);
  tasks_.emplace_back(
      new Task(*workers_[worker], task_class, std::move(function)));
  return tasks_.back().get();
}

void Scheduler::Keep(std::shared_ptr<void> object) {
  MutexLock lock(mutex_);
  kept_.push_back(std::move(object));
}

absl::Status Scheduler::Stop() {
  if (Worker::Current() != nullptr) {
    return absl::FailedPreconditionError(
        "a scheduler cannot be stopped on a worker's thread, which would wait "
        "for itself; stop it on another");
  }
  MutexLock lock(stop_mutex_);
  for (auto& worker : workers_) worker->BeginStop();
  for (auto& worker : workers_) worker->Join();
  return absl::OkStatus();
}

int Scheduler::CurrentWorker() {
  const Worker* worker = Worker::Current();
  return worker == nullptr ? -1 : worker->options().index;
}

}  // namespace pinion
