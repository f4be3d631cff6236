// SPDX-License-Identifier: Apache-2.0
#include "server/own_work.h"

#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/worker.h"
#include "server/guarded.h"

namespace pinion {
namespace {

// As of a batch of calls.
constexpr int kMostInOneRun = 256;
constexpr std::chrono::microseconds kLongestRun(500);

}  // namespace

OwnWork::OwnWork(Scheduler& scheduler, int worker, const std::string& name,
                 LogFunction log)
    : clock_(scheduler.clock()), name_(name), log_(std::move(log)) {
  worker_thread_.Claim();  // Nobody else knows of it yet.
  for (int i = 0; i < kTaskClasses; ++i) {
    const auto task_class = static_cast<TaskClass>(i);
    lines_[i].task = scheduler.AddTask(
        worker,
        {.task_class = task_class, .name = absl::StrCat("own work of ", name)},
        [this, task_class](WakeReasons) { Run(task_class); });
  }
}

void OwnWork::Post(TaskClass task_class, Function function) {
  worker_thread_.Assert();
  if (closed_) return;
  Line& line = LineOf(task_class);
  line.posted.push_back(std::move(function));
  line.task->Wake(kWakeItems);
}

void OwnWork::Open() {
  worker_thread_.Assert();
  open_ = true;
  for (Line& line : lines_) line.task->Wake(kWakeMore);
}

void OwnWork::Close() {
  worker_thread_.Assert();
  open_ = false;
  closed_ = true;  // What goes now, and the shard as it goes, may still post.
  End();
  for (Line& line : lines_) {
    line.task->Kill();  // This may be gone when it would run.
    line.posted.clear();
  }
}

void OwnWork::Arm(TaskClass task_class, OwnTimer& timer, Moment at) {
  worker_thread_.Assert();
  Line& line = LineOf(task_class);
  line.timers.Arm(timer, at);
  if (*line.timers.Next() == at) SetTaskTimer(line);
}

void OwnWork::Disarm(TaskClass task_class, OwnTimer& timer) {
  worker_thread_.Assert();
  Line& line = LineOf(task_class);
  if (!timer.armed()) return;
  line.timers.Disarm(timer);
  if (line.timers.empty()) line.task->CancelTimer();
}

void OwnWork::SetTaskTimer(Line& line) {
  if (const std::optional<Moment> next = line.timers.Next()) {
    line.task->WakeAt(*next);
  }
}

void OwnWork::Run(TaskClass task_class) {
  worker_thread_.Assert();
  const auto may_run = [this] {
    worker_thread_.Assert();
    return open_ && !ended_.load(std::memory_order_relaxed);
  };
  Line& line = LineOf(task_class);
  // A timer that is set anew for now meanwhile has its turn again.
  const Moment now = clock_.Now();
  const uint64_t begun = clock_.Ticks();
  const uint64_t longest = clock_.TicksOf(kLongestRun);
  for (int i = 0; i < kMostInOneRun && may_run(); ++i) {
    const bool fired = RunDueTimer(line, now);
    const bool ran = may_run() && RunPosted(line);
    if (!fired && !ran) break;
    if (Worker::Current()->ShouldYield()) break;
    if (clock_.Ticks() - begun >= longest) break;
  }
  if (!may_run()) return;
  if (!line.posted.empty()) line.task->Wake(kWakeMore);
  SetTaskTimer(line);
}

bool OwnWork::RunDueTimer(Line& line, Moment now) {
  Timer* due = line.timers.PopDue(now);
  if (due == nullptr) return false;
  LogIfThrown(Guarded("a shard's timer", [&] {
    static_cast<OwnTimer*>(due)->Fire(now);
    return absl::OkStatus();
  }));
  return true;
}

bool OwnWork::RunPosted(Line& line) {
  if (line.posted.empty()) return false;
  Function function = std::move(line.posted.front());
  line.posted.pop_front();
  LogIfThrown(Guarded("a shard's own work", [&] {
    function();
    return absl::OkStatus();
  }));
  return true;
}

void OwnWork::LogIfThrown(const absl::Status& thrown) const {
  if (!thrown.ok()) Log(log_, absl::StrCat(name_, ": ", thrown.message()));
}

}  // namespace pinion
