// SPDX-License-Identifier: Apache-2.0
#include "core/worker.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <future>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/affinity.h"
#include "core/check.h"
#include "core/cycle_clock.h"

namespace pinion {
namespace {

thread_local Worker* current_worker = nullptr;

}  // namespace

void Task::Enqueue() {
  queued_at_ = CycleClock::Now();
  worker_.Enqueue(this);
}

Worker::Worker(const WorkerOptions& options)
    : options_(options),
      stop_task_(*this, TaskClass::kNormal, [this](WakeReasons) {
        worker_thread_.Assert();
        stop_round_ = round_;
      }) {}

Worker::~Worker() {
  PINION_CHECK(!thread_.joinable(), "worker ", options_.index,
               " was not joined");
  // Tasks woken after the stop; they belong to the scheduler.
  WorkChain never_run = inbox_.TakeAll();
  while (!never_run.empty()) never_run.Pop();
}

absl::Status Worker::Start() {
  std::promise<absl::Status> settled;
  thread_ = std::thread([this, &settled] {
    absl::Status status = Settle();
    const bool ok = status.ok();
    settled.set_value(std::move(status));  // `settled` may be gone after this.
    if (ok) Loop();
  });
  absl::Status status = settled.get_future().get();
  if (!status.ok()) thread_.join();
  return status;
}

void Worker::Join() {
  if (thread_.joinable()) thread_.join();
}

Worker* Worker::Current() { return current_worker; }

absl::Status Worker::Settle() {
  const std::string name = absl::StrCat("pinion-w", options_.index);
  pthread_setname_np(pthread_self(), name.c_str());
  if (options_.batch_scheduling) {
    const sched_param unused = {};
    // Refused only in unusual sandboxes; it is a hint, and no promise rests
    // on it.
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &unused);
  }
  return RunThisThreadOn(options_.cpus);
}

void Worker::Loop() {
  worker_thread_.Claim();
  current_worker = this;
  for (;;) {
    Round();
    if (stop_round_ != 0) break;
    if (Idle() && inbox_.TrySleep()) inbox_.Sleep();
  }
  do {
    Round();
    // Who queued a task that left work may have yet to push it.
    if (Idle() && left_work_ > 0 && inbox_.TrySleep()) inbox_.Sleep();
  } while (!Idle() || left_work_ > 0);
}

void Worker::Round() {
  ++round_;
  for (int i = 0; i < kTaskClasses; ++i) {
    ready_[i].Append(std::move(later_[i]));
  }
  const auto turn = [](const ClassBudget& budget, Turn left) {
    return Turn{.runs = budget.runs + left.runs,
                .ticks = CycleClock::FromNanos(budget.time.count() * 1000) +
                         left.ticks};
  };
  ServeUrgent();
  const Turn left = Serve(TaskClass::kNormal, turn(options_.normal, Turn{}));
  Serve(TaskClass::kBulk, turn(options_.bulk, left));
}

void Worker::Sort() {
  WorkChain woken = inbox_.TakeAll();
  while (Task* task = woken.Pop<Task>()) {
    const bool has_run = task->last_round_ == round_;
    auto& lines = has_run ? later_ : ready_;
    lines[static_cast<int>(task->class_)].Push(task);
  }
}

void Worker::ServeUrgent() {
  Sort();
  while (Task* task = Ready(TaskClass::kUrgent).Pop<Task>()) {
    Run(*task);
    Sort();
  }
}

Worker::Turn Worker::Serve(TaskClass task_class, Turn turn) {
  WorkChain& ready = Ready(task_class);
  while (Task* task = ready.Pop<Task>()) {
    const uint64_t took = Run(*task);
    ServeUrgent();
    turn.runs -= 1;
    turn.ticks -= std::min(turn.ticks, took);
    if (turn.runs <= 0 || turn.ticks == 0) break;
  }
  return turn;
}

uint64_t Worker::Run(Task& task) {
  // Asked here and not when it is sorted, which also happens while it runs and
  // has yet to say whether it leaves work.
  if (HasEnded(task)) return 0;
  left_work_ -= task.left_work_;
  task.left_work_ = false;
  task.last_round_ = round_;
  const uint64_t queued_at =
      task.queued_at_;  // The next waker's after the swap.
  // All but the death is taken before the run, so that a wake from now on
  // queues the task again. Both ways with the swap in Task::Queue().
  const uint32_t state =
      task.state_.fetch_and(Task::kDead, std::memory_order_acq_rel);
  if ((state & Task::kDead) != 0) {
    task.function_ = nullptr;
    return 0;
  }
  const uint64_t begun = CycleClock::Now();
  task.function_(state & (Task::kQueued - 1));
  const uint64_t took = CycleClock::Now() - begun;
  task.left_work_ =
      (task.state_.load(std::memory_order_relaxed) & kWakeMore) != 0;
  left_work_ += task.left_work_;
  ++task.runs_;
  task.run_ticks_ += took;
  task.waited_ticks_ += begun - std::min(begun, queued_at);
  return took;
}

bool Worker::Idle() const {
  return std::all_of(ready_.begin(), ready_.end(),
                     [](const WorkChain& line) { return line.empty(); }) &&
         std::all_of(later_.begin(), later_.end(),
                     [](const WorkChain& line) { return line.empty(); });
}

bool Worker::HasEnded(const Task& task) const {
  return stop_round_ != 0 && task.last_round_ > stop_round_ &&
         !task.left_work_ &&
         (task.state_.load(std::memory_order_relaxed) & Task::kDead) == 0;
}

}  // namespace pinion
