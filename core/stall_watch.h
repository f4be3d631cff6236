// SPDX-License-Identifier: Apache-2.0
//
// StallWatch: reports a task that keeps its worker busy or blocked for too
//             long.
//
// Threads: one thread makes it, starts it and stops it. The callbacks run on
//          the watch's own thread, "pinion-stall", with no lock held.
// Cost:    one look at each worker's RunRecord, 40 times a second at the
//          default threshold. The watch asks the kernel only about a run that
//          has lasted for a millisecond.
// Example: StallWatch watch({{0, &record, thread_id}}, Clock(), {},
//                           [](const StallReport& report) {
//                             std::cerr << Describe(report, "kv") << "\n";
//                           });
//          absl::Status started = watch.Start();
//
// The watch judges a run's own time: the time since the run began, without the
// time in which its thread waited for a CPU (NotGiven() in core/thread_times.h
// says how exact that is). So it reports a handler that computes, and one that
// sleeps or waits for a lock, a disk or an answer. It does not report
// - many short runs in a row: it judges each by itself;
// - a worker that sleeps: it has no run;
// - a run that waits for its CPU, which other threads or the hypervisor use.
//
// A report comes when a run's own time reaches the threshold, and each time it
// has doubled since: at 100 ms, 200, 400. It never comes early: the watch does
// not count the time before its first look at a run, of which it knows nothing.
// So a report comes late by up to a look period (a quarter of the threshold),
// plus a fiftieth of the threshold, plus the time that the watch's own thread
// waits for a CPU. A callback that takes long makes the next reports late, too.
//
// Reports are for people, and some are held back when there are too many. For
// programs there is the state of each worker; no change of it is held back. A
// worker is stalled from the first report of a run, even one that is held back,
// until the first look after the end of that run, which comes within a look
// period.
//
// Limits: if a signal stops the process and it continues later, each handler
// that was running seems to have waited for that time.
#ifndef PINION_CORE_STALL_WATCH_H_
#define PINION_CORE_STALL_WATCH_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/base/thread_role.h"
#include "pinion/core/clock.h"
#include "pinion/core/run_record.h"
#include "pinion/core/thread_times.h"

namespace pinion {

struct StallReport {
  int worker;
  // Lives as long as its scheduler. The run may have ended by now.
  const Task* task;
  // The time since the run began.
  std::chrono::nanoseconds ran;
  // The parts of it since the first look at the run: with a CPU, and waiting
  // for one. In the rest the run was blocked.
  std::chrono::nanoseconds had_cpu;
  std::chrono::nanoseconds not_given;
  // Whether it is blocked right now.
  bool blocked;
  // The number of reports, of any worker, held back since the last one.
  uint64_t suppressed;

  // The gettid() of the worker's thread, and what tells this run from others.
  pid_t thread_id = 0;
  uint64_t begun = 0;
  const RunRecord* record = nullptr;  // Must outlive the report.

  // Whether the run has not ended. So what was seen of the thread before is of
  // this run.
  bool StillRuns() const {
    if (record == nullptr) return false;
    const std::optional<RunRecord::Run> now = record->Look();
    return now.has_value() && now->begun == begun;
  }
};

// One line without its end, for example
// worker 3: "kv" has run for 412 ms (had a CPU for 8 ms, blocked now)
std::string Describe(const StallReport& report, absl::string_view task_name);
// The same without the worker and what was held back:
// "kv" has run for 412 ms (had a CPU for 8 ms, blocked now)
std::string DescribeRun(const StallReport& report, absl::string_view task_name);

struct StallWatchOptions {
  // A run is reported once its own time reaches this; 1 ms or more. Raise it
  // when healthy tasks run for longer.
  std::chrono::nanoseconds threshold = std::chrono::milliseconds(100);
  // The most reports of all workers together in any second, above 0. The
  // default shows that all workers stall, and does not hide the rest of the
  // log. Lower it for a quieter log.
  int reports_per_second = 10;
};

class StallWatch {
 public:
  struct Watched {
    int worker;
    const RunRecord* record;  // Must outlive the watch.
    pid_t thread_id;          // The gettid() of the worker's thread.
  };
  using Callback = std::function<void(const StallReport& report)>;
  // Called at each change, before the report that goes with it. No worker is
  // stalled at first. The last state remains valid when the watch stops.
  using StateCallback = std::function<void(int worker, bool stalled)>;
  using Reader = std::function<absl::StatusOr<ThreadTimes>(pid_t thread)>;

  // `clock` must be the clock of the records. `reader` is for tests.
  StallWatch(
      const std::vector<Watched>& workers, const Clock& clock,
      const StallWatchOptions& options, Callback callback,
      StateCallback state_callback = nullptr,
      Reader reader = [](pid_t thread) { return ReadThreadTimes(thread); });
  ~StallWatch() { Stop(); }
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;

  // Starts the thread. Call it once. If the times of a worker's thread cannot
  // be read, it returns the reason, and there is nothing to stop.
  absl::Status Start();

  // Ends the thread, at once or after the callback in progress; a callback must
  // not call it. Does nothing if there is no thread.
  void Stop();

  // Changes the threshold, and looks at once. A run under way that was not
  // reported yet is judged by the new one. Any thread may call it.
  void SetThreshold(std::chrono::nanoseconds threshold);

  // Looks at each worker, and returns the time until the next look. The watch's
  // thread calls it. A test that does not call Start() calls it on the thread
  // that made the watch.
  std::chrono::nanoseconds Look();

 private:
  // The threshold, and what follows from it.
  struct Pace {
    explicit Pace(std::chrono::nanoseconds threshold);
    std::chrono::nanoseconds threshold;
    // The time between two looks, as long as no run is about to be reported.
    std::chrono::nanoseconds period;
    // A time too short to deserve a look of its own.
    std::chrono::nanoseconds grain;
  };

  // A worker, and what is known of its present run.
  struct Seen {
    Watched watched;
    uint64_t begun = 0;  // 0: no run.

    // At the last look.
    uint64_t looked_at = 0;  // Clock::Ticks().
    ThreadTimes times = {};

    // From the first look to the last.
    std::chrono::nanoseconds wall{0};
    std::chrono::nanoseconds had_cpu{0};
    std::chrono::nanoseconds not_given{0};

    // The own time at which the next report is due.
    std::chrono::nanoseconds due{0};

    // As last notified.
    bool stalled = false;
  };

  void Loop();
  void TakeThreshold() ABSL_EXCLUSIVE_LOCKS_REQUIRED(looker_);
  // Waits for `span`, or until the threshold changes; false if the watch is
  // stopped meanwhile.
  bool AwaitNextLook(std::chrono::nanoseconds span);

  // Returns the shortest time until a report of this worker can be due.
  std::chrono::nanoseconds LookAt(Seen& seen)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(looker_);
  // The first look at a run, and a later one: `times` were read at `now`.
  void Begin(Seen& seen, uint64_t begun, uint64_t now,
             const ThreadTimes& times) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(looker_);
  void Continue(Seen& seen, uint64_t now, const ThreadTimes& times) const;
  // Calls the state callback if the state has changed.
  void TellState(Seen& seen, bool stalled) const;
  // Reports the run, or counts it as held back.
  void Report(const Seen& seen, const RunRecord::Run& run)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(looker_);
  // Whether one more report is within the limit; counts it if so.
  bool TakesReport() ABSL_EXCLUSIVE_LOCKS_REQUIRED(looker_);
  // The time between two values of Clock::Ticks().
  std::chrono::nanoseconds Between(uint64_t earlier, uint64_t later) const;

  // Fixed at construction; any thread may read.
  const Clock clock_;
  const int reports_per_second_;
  const Callback callback_;
  const StateCallback state_callback_;
  const Reader reader_;

  // Shared.
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Until the looker has taken it.
  std::optional<std::chrono::nanoseconds> new_threshold_
      ABSL_GUARDED_BY(mutex_);

  // The owner's only: Start() and Stop().
  std::thread thread_;

  // The watch thread's only; the owner's until Start().
  ThreadRole looker_;
  Pace pace_ ABSL_GUARDED_BY(looker_);
  std::vector<Seen> workers_ ABSL_GUARDED_BY(looker_);
  // When the reports of the last second were made, the oldest first.
  std::deque<Moment> recent_ ABSL_GUARDED_BY(looker_);
  uint64_t suppressed_ ABSL_GUARDED_BY(looker_) = 0;
};

}  // namespace pinion

#endif  // PINION_CORE_STALL_WATCH_H_
