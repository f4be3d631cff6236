// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/stall_watch.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "pinion/core/base/check.h"

namespace pinion {
namespace {

using std::chrono::nanoseconds;

// So that a run of whose beginning nothing is known for a period is still
// reported before it has lasted much longer than the threshold, at few looks.
constexpr int kPeriodsPerThreshold = 4;

// 1 ms by default: most runs are shorter, and are looked at without asking the
// kernel; and a stall that has lasted for 100 ms may last one more.
constexpr int kGrainsPerThreshold = 100;

std::string InMillis(nanoseconds span) {
  return absl::StrCat(
      std::chrono::duration_cast<std::chrono::milliseconds>(span).count(),
      " ms");
}

}  // namespace

std::string Describe(const StallReport& report, absl::string_view task_name) {
  std::string line = absl::StrCat("worker ", report.worker, ": ",
                                  DescribeRun(report, task_name));
  if (report.suppressed > 0) {
    absl::StrAppend(&line,
                    "; reports held back since the last: ", report.suppressed);
  }
  return line;
}

std::string DescribeRun(const StallReport& report,
                        absl::string_view task_name) {
  std::string run = "a task without a name";
  if (!task_name.empty()) {
    run = absl::StrCat("\"", absl::Utf8SafeCEscape(task_name), "\"");
  }
  absl::StrAppend(&run, " has run for ", InMillis(report.ran),
                  " (had a CPU for ", InMillis(report.had_cpu));
  if (report.not_given >= std::chrono::milliseconds(1)) {
    absl::StrAppend(&run, ", was not given one for ",
                    InMillis(report.not_given));
  }
  absl::StrAppend(&run, report.blocked ? ", blocked now)" : ")");
  return run;
}

StallWatch::Pace::Pace(nanoseconds threshold)
    : threshold(threshold),
      period(threshold / kPeriodsPerThreshold),
      grain(threshold / kGrainsPerThreshold) {
  PINION_CHECK(threshold >= std::chrono::milliseconds(1), "a threshold of ",
               threshold.count(), " ns");
}

StallWatch::StallWatch(const std::vector<Watched>& workers, const Clock& clock,
                       const StallWatchOptions& options, Callback callback,
                       StateCallback state_callback, Reader reader)
    : clock_(clock),
      reports_per_second_(options.reports_per_second),
      callback_(std::move(callback)),
      state_callback_(std::move(state_callback)),
      reader_(std::move(reader)),
      pace_(options.threshold) {
  PINION_CHECK(options.reports_per_second > 0, "at most ",
               options.reports_per_second, " reports a second");
  looker_.Claim();
  for (const Watched& watched : workers) {
    workers_.push_back({.watched = watched});
  }
}

absl::Status StallWatch::Start() {
  looker_.Assert();
  for (const Seen& seen : workers_) {
    const absl::Status read = reader_(seen.watched.thread_id).status();
    if (!read.ok()) {
      return absl::Status(
          read.code(), absl::StrCat("cannot watch worker ", seen.watched.worker,
                                    " for stalls: ", read.message()));
    }
  }
  thread_ = std::thread([this] { Loop(); });
  return absl::OkStatus();
}

void StallWatch::Stop() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void StallWatch::SetThreshold(nanoseconds threshold) {
  MutexLock lock(mutex_);
  new_threshold_ = Pace(threshold).threshold;
  changed_.NotifyAll();
}

void StallWatch::TakeThreshold() {
  std::optional<nanoseconds> threshold;
  {
    MutexLock lock(mutex_);
    threshold = std::exchange(new_threshold_, std::nullopt);
  }
  if (!threshold.has_value()) return;
  pace_ = Pace(*threshold);
  for (Seen& seen : workers_) {
    if (!seen.stalled) seen.due = *threshold;
  }
}

void StallWatch::Loop() {
  looker_.Claim();
  pthread_setname_np(pthread_self(), "pinion-stall");
  while (AwaitNextLook(Look())) {
  }
}

bool StallWatch::AwaitNextLook(nanoseconds span) {
  const auto deadline = std::chrono::steady_clock::now() + span;
  MutexLock lock(mutex_);
  while (!stopping_ && !new_threshold_.has_value() &&
         changed_.WaitUntil(mutex_, deadline)) {
  }
  return !stopping_;
}

nanoseconds StallWatch::Look() {
  looker_.Assert();
  TakeThreshold();
  nanoseconds next = pace_.period;
  for (Seen& seen : workers_) next = std::min(next, LookAt(seen));
  return std::max(next, pace_.grain);
}

nanoseconds StallWatch::LookAt(Seen& seen) {
  const RunRecord& record = *seen.watched.record;
  const std::optional<RunRecord::Run> run = record.Look();
  const bool seen_before = run.has_value() && run->begun == seen.begun;
  if (!seen_before) TellState(seen, /*stalled=*/false);
  if (!run.has_value()) return pace_.period;
  if (Between(run->begun, clock_.Ticks()) < pace_.grain) return pace_.period;

  const auto times = reader_(seen.watched.thread_id);
  const uint64_t now = clock_.Ticks();
  const std::optional<RunRecord::Run> still = record.Look();
  // What was read may be of the time after the run, or of a thread that ended.
  if (!still.has_value() || still->begun != run->begun || !times.ok()) {
    return pace_.period;
  }

  if (seen_before) {
    Continue(seen, now, *times);
  } else {
    Begin(seen, run->begun, now, *times);
  }
  const nanoseconds own = seen.wall - seen.not_given;
  if (own < seen.due) return seen.due - own;
  TellState(seen, /*stalled=*/true);
  Report(seen, *run);
  while (seen.due <= own) seen.due *= 2;
  return seen.due - own;
}

void StallWatch::Begin(Seen& seen, uint64_t begun, uint64_t now,
                       const ThreadTimes& times) const {
  seen = {.watched = seen.watched,
          .begun = begun,
          .looked_at = now,
          .times = times,
          .due = pace_.threshold};
}

void StallWatch::Continue(Seen& seen, uint64_t now,
                          const ThreadTimes& times) const {
  const nanoseconds wall = Between(seen.looked_at, now);
  seen.wall += wall;
  seen.had_cpu += times.cpu - seen.times.cpu;
  seen.not_given += NotGiven(seen.times, times, wall);
  seen.looked_at = now;
  seen.times = times;
}

void StallWatch::TellState(Seen& seen, bool stalled) const {
  if (seen.stalled == stalled) return;
  seen.stalled = stalled;
  if (state_callback_ != nullptr) state_callback_(seen.watched.worker, stalled);
}

void StallWatch::Report(const Seen& seen, const RunRecord::Run& run) {
  if (!TakesReport()) {
    ++suppressed_;
    return;
  }
  callback_({.worker = seen.watched.worker,
             .task = run.task,
             .ran = Between(run.begun, seen.looked_at),
             .had_cpu = seen.had_cpu,
             .not_given = seen.not_given,
             .blocked = seen.times.blocked,
             .suppressed = std::exchange(suppressed_, 0),
             .thread_id = seen.watched.thread_id,
             .begun = run.begun,
             .record = seen.watched.record});
}

bool StallWatch::TakesReport() {
  const Moment now = clock_.Now();
  while (!recent_.empty() && now - recent_.front() >= std::chrono::seconds(1)) {
    recent_.pop_front();
  }
  if (recent_.size() >= static_cast<size_t>(reports_per_second_)) {
    return false;
  }
  recent_.push_back(now);
  return true;
}

nanoseconds StallWatch::Between(uint64_t earlier, uint64_t later) const {
  // The counters of two CPUs may differ a little: not by half of their range.
  if (static_cast<int64_t>(later - earlier) < 0) return nanoseconds(0);
  return nanoseconds(clock_.TicksToNanos(later - earlier));
}

}  // namespace pinion
