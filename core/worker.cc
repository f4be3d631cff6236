// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/worker.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/core/base/check.h"
#include "pinion/core/base/interleaving.h"
#include "pinion/core/base/must_not_throw.h"
#include "pinion/core/cpu/affinity.h"

namespace pinion {
namespace {

// What each task costs is counted, except in the build with which
// tests/bench/accounting compares.
#ifdef PINION_WITHOUT_ACCOUNTING
constexpr bool kAccounting = false;
#else
constexpr bool kAccounting = true;
#endif

// For who is told that it broke its promise.
std::string NameOf(const Task& task) {
  return task.name().empty() ? "a task" : absl::StrCat("task ", task.name());
}

}  // namespace

Worker::Worker(int index, const WorkerOptions& options, const Clock& clock,
               std::function<void()> hand_back)
    : index_(index),
      options_(options),
      clock_(clock),
      hand_back_(std::move(hand_back)),
      urgent_lead_limit_(clock.TicksOf(options.urgent_lead)),
      rest_(options.spin, clock, worker_thread_),
      // Urgent, so that the stop waits for one run at most.
      stop_task_(*this, {.task_class = TaskClass::kUrgent, .name = "stop"},
                 [this](WakeReasons) {
                   worker_thread_.Assert();
                   stopping_ = true;
                 }),
      quiet_task_(*this, {.name = "quiet"}, [this](WakeReasons) {
        worker_thread_.Assert();
        MutexLock lock(mutex_);
        quiet_due_ = quiet_asked_;
      }) {}

Worker::~Worker() {
  PINION_CHECK(!thread_.joinable(), "worker ", index_, " was not joined");
  worker_thread_.Claim();  // There is no other thread left.
  // What was never run.
  Sort();
  for (auto* lines : {&ready_, &later_}) {
    for (WorkChain& line : *lines) {
      while (line.Pop() != nullptr) {
      }
    }
  }
}

absl::Status Worker::Start(const std::vector<int>& cpus) {
  std::promise<absl::Status> settling;
  std::future<absl::Status> settled = settling.get_future();
  // The thread owns the promise: this one may go on while it is being kept.
  thread_ = std::thread([this, &cpus,
                         settling = std::move(settling)]() mutable {
    absl::Status status = Settle(cpus);
    const bool ok = status.ok();
    settling.set_value(std::move(status));  // `cpus` may be gone after this.
    if (ok) Loop();
  });
  absl::Status status = settled.get();
  if (!status.ok()) thread_.join();
  return status;
}

void Worker::Join() {
  if (thread_.joinable()) thread_.join();
}

Task* Worker::AddTask(TaskOptions options, Task::Function function) {
  std::unique_ptr<Task> task(
      new Task(*this, std::move(options), std::move(function)));
  MutexLock lock(mutex_);
  tasks_.push_back(std::move(task));
  return tasks_.back().get();
}

uint64_t Worker::AskForQuiet() {
  uint64_t asked;
  {
    MutexLock lock(mutex_);
    asked = ++quiet_asked_;
  }
  quiet_task_.Wake();
  return asked;
}

bool Worker::AwaitQuiet(uint64_t asked,
                        std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  while (quiet_reported_ < asked && !ended()) {
    if (!changed_.WaitUntil(mutex_, deadline)) break;
  }
  return quiet_reported_ >= asked || ended();
}

bool Worker::AwaitEnd(std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  while (!ended()) {
    if (!changed_.WaitUntil(mutex_, deadline)) break;
  }
  return ended();
}

void Worker::Enqueue(Task* task) {
  if (current_ == this) {
    worker_thread_.Assert();
    woken_here_.Push(task);
    return;
  }
  if (kAccounting) task->queued_at_ = clock_.Ticks();
  rest_.Push(task);
}

void Worker::ArmTimer(Task& task, Moment at) {
  worker_thread_.Assert();
  DisarmTimer(task);
  if (task.released_) return;
  timers_.Arm(task, at);
  tallies_.timers_armed.Set(timers_.size());
}

void Worker::DisarmTimer(Task& task) {
  worker_thread_.Assert();
  timers_.Disarm(task);
  tallies_.timers_armed.Set(timers_.size());
  // What the older time has begun, or another thread has asked for.
  constexpr uint32_t kEarlier = kWakeTimer | Task::kTimerAsked;
  if ((task.state_.load(std::memory_order_relaxed) & kEarlier) != 0) {
    // Acquire, with the release in Task::Queue(): what was asked before the
    // flag that is cleared here is forgotten too, not set by a later flag. In
    // this order: what is asked after the flag is cleared raises it anew.
    task.state_.fetch_and(~kEarlier, std::memory_order_acquire);
    task.asked_timer_.store(Task::kNothing, std::memory_order_relaxed);
  }
}

WorkerStats Worker::stats() const {
  const auto nanos = [this](const Tally& ticks) {
    return clock_.TicksToNanos(ticks.value());
  };
  const RestTallies& rest = rest_.tallies();
  WorkerStats stats = {
      .worker = index_,
      .rounds = tallies_.rounds.value(),
      .items = tallies_.items.value(),
      .longest_run_ns = nanos(tallies_.longest_run_ticks),
      .busy_ns = nanos(tallies_.busy_ticks),
      .idle_ns = nanos(rest.idle_ticks),
      .timers_armed = tallies_.timers_armed.value(),
      .timers_fired = tallies_.timers_fired.value(),
      .sleeps = rest.sleeps.value(),
      .spins_paid = rest.spins_paid.value(),
      .spins_unpaid = rest.spins_unpaid.value(),
      .wakes_sent = rest.wakes_sent.value(),
      .wakes_skipped = rest.wakes_skipped.value(),
  };
  for (int i = 0; i < kTaskClasses; ++i) {
    stats.runs[i] = tallies_.runs[i].value();
  }
  return stats;
}

absl::Status Worker::Settle(const std::vector<int>& cpus) {
  thread_id_ = gettid();
  const std::string name = absl::StrCat("pinion-w", index_);
  pthread_setname_np(pthread_self(), name.c_str());
  if (options_.batch_scheduling) {
    const sched_param unused = {};
    // Refused only in unusual sandboxes; it is a hint, and no promise rests
    // on it.
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &unused);
  }
  return RunThisThreadOn(cpus);
}

void Worker::Loop() {
  worker_thread_.Claim();
  current_ = this;
  now_ = clock_.Ticks();
  for (;;) {
    Round();
    if (stopping_) break;
    if (Idle()) AwaitWork();
  }
  End();
}

bool Worker::HasWork() {
  worker_thread_.Claim();
  return !ended() &&
         (!rest_.empty() || !woken_here_.empty() || !Idle() || TimerIsDue());
}

bool Worker::Step() {
  if (!HasWork()) return false;
  worker_thread_.Claim();
  Worker* const outer = std::exchange(current_, this);
  now_ = clock_.Ticks();
  Round();
  if (stopping_) {
    End();
  } else if (Idle()) {
    ReportQuiet();
    if (!TimerIsDue()) rest_.AnnounceSleep();
  }
  current_ = outer;
  return true;
}

void Worker::Round() {
  const uint64_t begun = now_;
  rounds_first_sweep_ = ++sweep_;
  for (int i = 0; i < kTaskClasses; ++i) {
    ready_[i].Append(std::move(later_[i]));
  }
  urgent_is_too_far_ = urgent_lead_ >= urgent_lead_limit_;
  FireTimers();
  Sort();
  SweepUrgent();
  if (Ready(TaskClass::kNormal).empty() && Ready(TaskClass::kBulk).empty()) {
    urgent_lead_ = 0;  // What it took, it took from nobody.
  }
  const Turn left = Serve(TaskClass::kNormal, options_.normal, Turn{});
  Serve(TaskClass::kBulk, options_.bulk, left);
  tallies_.rounds.Add(1);
  tallies_.busy_ticks.Add(now_ - begun);
}

void Worker::FireTimers() {
  if (timers_.empty()) return;
  const Moment now = clock_.Now();
  for (int i = 0; i < options_.timers; ++i) {
    Timer* timer = timers_.PopDue(now);
    if (timer == nullptr) break;
    static_cast<Task*>(timer)->Queue(kWakeTimer);
    tallies_.timers_fired.Add(1);
  }
  tallies_.timers_armed.Set(timers_.size());
}

void Worker::Sort() {
  WorkerRest::Arrived arrived = rest_.TakeAll();
  while (Task* task = arrived.tasks.Pop<Task>()) {
    rest_.LearnFromWaitFor(task->queued_at_, kAccounting && arrived.was_asleep);
    LineUp(*task);
  }
  while (Task* task = woken_here_.Pop<Task>()) {
    task->queued_at_ = now_;
    LineUp(*task);
  }
}

void Worker::LineUp(Task& task) {
  const bool once_a_sweep =
      task.task_class() == TaskClass::kUrgent && !urgent_is_too_far_;
  const bool has_run =
      task.last_sweep_ >= (once_a_sweep ? sweep_ : rounds_first_sweep_);
  auto& lines = has_run ? later_ : ready_;
  lines[static_cast<int>(task.task_class())].Push(&task);
}

void Worker::SweepUrgent() {
  while (!stopping_) {
    Task* task = Ready(TaskClass::kUrgent).Pop<Task>();
    if (task == nullptr) break;
    const uint64_t begun = now_;
    Run(*task);
    urgent_lead_ += now_ - begun;
    urgent_is_too_far_ |= urgent_lead_ >= urgent_lead_limit_;
    Sort();
  }
}

void Worker::BeginNextSweep() {
  ++sweep_;
  if (urgent_is_too_far_) return;
  constexpr auto kUrgent = static_cast<int>(TaskClass::kUrgent);
  ready_[kUrgent].Append(std::move(later_[kUrgent]));
}

Worker::Turn Worker::Serve(TaskClass task_class, const ClassBudget& budget,
                           Turn left) {
  Turn turn = {.runs = budget.runs + left.runs,
               .ticks = clock_.TicksOf(budget.time) + left.ticks};
  WorkChain& ready = Ready(task_class);
  while (!ready.empty()) {
    SweepUrgent();
    if (stopping_) break;
    // Before the run, so that an urgent task woken in it ends its batch.
    BeginNextSweep();
    const uint64_t begun = now_;
    Run(*ready.Pop<Task>());
    const uint64_t took = now_ - begun;
    Sort();
    urgent_lead_ -= std::min(urgent_lead_, took);
    turn.runs -= 1;
    turn.ticks -= std::min(turn.ticks, took);
    if (turn.runs <= 0 || turn.ticks == 0) break;
  }
  return turn;
}

void Worker::Run(Task& task) {
  task.last_sweep_ = sweep_;
  const uint64_t queued_at = task.queued_at_;  // The next waker's, from below.
  // All but the death is taken before the run, so that a wake from now on
  // queues the task again. Both ways with the swap in Task::Queue().
  const uint32_t state =
      task.state_.fetch_and(Task::kDead, std::memory_order_acq_rel);
  PINION_POINT(kCleared);
  if ((state & Task::kDead) != 0) return Release(task);
  WakeReasons reasons = state & Task::kReasons;
  // What the older time has begun goes with it.
  if ((state & Task::kTimerAsked) != 0 && SetAskedTimer(task)) {
    reasons &= ~kWakeTimer;
  }
  if (reasons == 0) return;  // Its timer alone was set, or taken back.
  const uint64_t begun = now_;
  running_.Begin(&task, begun);
  MustNotThrow([&] { return NameOf(task); }, [&] { task.function_(reasons); });
  running_.End();
  if (!kAccounting) return;
  now_ = clock_.Ticks();
  const uint64_t took = now_ - begun;
  task.runs_.Add(1);
  task.run_ticks_.Add(took);
  task.waited_ticks_.Add(begun - std::min(begun, queued_at));
  tallies_.runs[static_cast<int>(task.task_class())].Add(1);
  tallies_.longest_run_ticks.RaiseTo(took);
}

void Worker::Release(Task& task) {
  DisarmTimer(task);
  task.released_ = true;  // First: what the function holds may arm the timer.
  task.function_ = nullptr;
}

bool Worker::SetAskedTimer(Task& task) {
  // Taken, so that it is set once: two who ask raise two flags, and the first
  // may carry what the second asked. Not DisarmTimer(): a flag that is up again
  // by now is of somebody who asked since, and has the task run once more.
  const uint64_t asked =
      task.asked_timer_.exchange(Task::kNothing, std::memory_order_relaxed);
  if (asked == Task::kNothing) return false;
  timers_.Disarm(task);
  if ((asked & Task::kArm) != 0) {
    timers_.Arm(task, Moment(asked & ~Task::kArm));
  }
  tallies_.timers_armed.Set(timers_.size());
  return true;
}

bool Worker::Idle() const {
  const auto empty = [](const WorkChain& line) { return line.empty(); };
  return woken_here_.empty() &&
         std::all_of(ready_.begin(), ready_.end(), empty) &&
         std::all_of(later_.begin(), later_.end(), empty);
}

bool Worker::TimerIsDue() const {
  return !timers_.empty() && *timers_.Next() <= clock_.Now();
}

void Worker::AwaitWork() {
  ReportQuiet();
  // It would end the sleep at once, at the price of one.
  if (TimerIsDue()) return;
  now_ = rest_.AwaitWork(now_, timers_.Next());
}

void Worker::ReportQuiet() {
  if (quiet_due_ == quiet_seen_ || !NoTaskIsQueued()) return;
  quiet_seen_ = quiet_due_;
  MutexLock lock(mutex_);
  quiet_reported_ = quiet_due_;
  changed_.NotifyAll();
}

bool Worker::NoTaskIsQueued() const {
  // A task may be queued by a thread that has yet to push it. Others may rely
  // on that push by now, so it is waited for.
  MutexLock lock(mutex_);
  return std::none_of(tasks_.begin(), tasks_.end(), [](const auto& task) {
    const uint32_t state = task->state_.load(std::memory_order_relaxed);
    return (state & Task::kDead) != 0 ? !task->released_
                                      : (state & Task::kQueued) != 0;
  });
}

void Worker::End() {
  MustNotThrow([&] { return absl::StrCat("a hand-back of worker ", index_); },
               hand_back_);
  current_ = nullptr;
  MutexLock lock(mutex_);
  ended_.store(true, std::memory_order_release);
  changed_.NotifyAll();
}

}  // namespace pinion
