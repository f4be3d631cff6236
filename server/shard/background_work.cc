// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/shard/background_work.h"

#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/core/worker.h"
#include "pinion/server/internal/guarded.h"
#include "pinion/server/log/server_log.h"
#include "pinion/server/shard/running_work.h"

namespace pinion {
namespace {

// As of a batch of calls.
constexpr int kMaxInOneRun = 256;
constexpr std::chrono::microseconds kLongestRun(500);

}  // namespace

BackgroundWork::BackgroundWork(Scheduler& scheduler, int worker,
                               const std::string& name, RunningWork& running,
                               LogSink log)
    : clock_(scheduler.clock()),
      worker_(worker),
      running_(running),
      name_(name),
      what_(absl::StrCat("background work of ", name)),
      log_(std::move(log)) {
  worker_thread_.Claim();  // Nobody else knows of it yet.
  for (int i = 0; i < kTaskClasses; ++i) {
    const auto task_class = static_cast<TaskClass>(i);
    queues_[i].task =
        scheduler.AddTask(worker, {.task_class = task_class, .name = what_},
                          [this, task_class](WakeReasons) { Run(task_class); });
  }
}

void BackgroundWork::Post(TaskClass task_class, Function function) {
  worker_thread_.Assert();
  if (closed_) return;
  Queue& queue = QueueOf(task_class);
  queue.posted.push_back(std::move(function));
  queue.task->Wake(kWakeItems);
}

void BackgroundWork::Open() {
  worker_thread_.Assert();
  open_ = true;
  for (Queue& queue : queues_) queue.task->Wake(kWakeMore);
}

void BackgroundWork::Close() {
  worker_thread_.Assert();
  open_ = false;
  closed_ = true;  // What goes now, and the shard as it goes, may still post.
  End();
  for (Queue& queue : queues_) {
    queue.task->Kill();  // This may be gone when it would run.
    queue.posted.clear();
  }
}

void BackgroundWork::Arm(TaskClass task_class, BackgroundTimer& timer,
                         Moment at) {
  worker_thread_.Assert();
  Queue& queue = QueueOf(task_class);
  queue.timers.Arm(timer, at);
  if (*queue.timers.Next() == at) SetTaskTimer(queue);
}

void BackgroundWork::Disarm(TaskClass task_class, BackgroundTimer& timer) {
  worker_thread_.Assert();
  Queue& queue = QueueOf(task_class);
  if (!timer.armed()) return;
  queue.timers.Disarm(timer);
  if (queue.timers.empty()) queue.task->CancelTimer();
}

void BackgroundWork::SetTaskTimer(Queue& queue) {
  if (const std::optional<Moment> next = queue.timers.Next()) {
    queue.task->WakeAt(*next);
  }
}

void BackgroundWork::Run(TaskClass task_class) {
  worker_thread_.Assert();
  const auto may_run = [this] {
    worker_thread_.Assert();
    return open_ && !ended_.load(std::memory_order_relaxed);
  };
  Queue& queue = QueueOf(task_class);
  // A timer that its function sets for now again runs once more in this loop.
  const Moment now = clock_.Now();
  const uint64_t begun = clock_.Ticks();
  const uint64_t longest = clock_.TicksOf(kLongestRun);
  for (int i = 0; i < kMaxInOneRun && may_run(); ++i) {
    const bool fired = RunDueTimer(queue, now);
    const bool ran = may_run() && RunPosted(queue);
    if (!fired && !ran) break;
    if (Worker::Current()->ShouldYield()) break;
    if (clock_.Ticks() - begun >= longest) break;
  }
  if (!may_run()) return;
  if (!queue.posted.empty()) queue.task->Wake(kWakeMore);
  SetTaskTimer(queue);
}

bool BackgroundWork::RunDueTimer(Queue& queue, Moment now) {
  Timer* due = queue.timers.PopDue(now);
  if (due == nullptr) return false;
  const RunningWork::Scope scope(running_, worker_, what_, now);
  LogIfThrown(Guarded("a shard's timer", [&] {
    static_cast<BackgroundTimer*>(due)->Fire(now);
    return absl::OkStatus();
  }));
  return true;
}

bool BackgroundWork::RunPosted(Queue& queue) {
  if (queue.posted.empty()) return false;
  Function function = std::move(queue.posted.front());
  queue.posted.pop_front();
  const RunningWork::Scope scope(running_, worker_, what_, clock_.Now());
  LogIfThrown(Guarded("a shard's background work", [&] {
    function();
    return absl::OkStatus();
  }));
  return true;
}

void BackgroundWork::LogIfThrown(const absl::Status& thrown) const {
  if (thrown.ok()) return;
  Log(log_, {.level = LogLevel::kError,
             .area = LogArea::kShard,
             .event = "background_threw",
             .worker = worker_,
             .method = name_,
             .message = std::string(thrown.message())});
}

}  // namespace pinion
