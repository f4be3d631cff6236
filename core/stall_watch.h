// SPDX-License-Identifier: Apache-2.0
//
// StallWatch: reports a task that keeps its worker for too long by its own
// doing.
//
// Threads: one, which makes it, starts it and stops it; the callbacks run on
//          the watch's own thread, "pinion-stall", which holds no lock then.
// Cost:    looking at one RunRecord of each worker, 40 times a second. The
//          kernel is asked only about a run that has lasted a millisecond.
// Example: StallWatch watch({{0, &record, thread_id}}, Clock(), {},
//                           [](const StallReport& report) {
//                             std::cerr << Describe(report, "kv") << "\n";
//                           });
//          absl::Status started = watch.Start();
//
// What is judged is a run's own time: the time since it began, without what its
// thread was not given (NotGiven() in core/thread_times.h has where that errs).
// So a handler that computes is reported, and so is one that sleeps or waits
// for a lock, a disk or an answer. Not reported are
// - many short runs in a row: each is judged by itself;
// - a worker that sleeps: it has no run;
// - a run that waits for its CPU, taken by other threads or by the hypervisor.
//
// A report comes when a run's own time reaches the threshold, and whenever it
// has doubled since: at 100 ms, 200, 400. It is never early: what went before
// the first look at a run, at which the kernel is asked for the first time, is
// not counted as its own, for nothing is known of it. So it comes late by up to
// a look period (a quarter of the threshold), and a fiftieth of the threshold;
// and by what the watch's own thread waits for a CPU.
//
// Reports are for people to read, and are held back when there are too many.
// For a program to act on there is the state of each worker, of which no change
// is held back: it is stalled from the first report of a run, be that one held
// back or not, until the first look after that run's end, which comes within a
// look period.
//
// Limits: a process that is stopped by a signal and continued looks as if each
// handler that was under way had waited for that long.
#ifndef PINION_CORE_STALL_WATCH_H_
#define PINION_CORE_STALL_WATCH_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/clock.h"
#include "core/mutex.h"
#include "core/run_record.h"
#include "core/thread_role.h"
#include "core/thread_times.h"

namespace pinion {

struct StallReport {
  int worker;
  // Lives as long as its scheduler; the run may have ended by now.
  const Task* task;
  // Since the run began.
  std::chrono::nanoseconds ran;
  // Of that, since the first look at the run: had a CPU, and would have used
  // one but was not given it. The rest it blocked.
  std::chrono::nanoseconds had_cpu;
  std::chrono::nanoseconds not_given;
  // Is blocked right now.
  bool blocked;
  // How many reports, of any worker, were held back since the last.
  uint64_t suppressed;
};

// One line without its end, such as
// worker 3: "kv" has run for 412 ms (had a CPU for 8 ms, blocked now)
std::string Describe(const StallReport& report, absl::string_view task_name);

struct StallWatchOptions {
  // The own time from which a run is reported; a millisecond at least.
  std::chrono::nanoseconds threshold = std::chrono::milliseconds(100);
  // Of all workers together, in any second; above 0. When all of them stall,
  // enough to see it, and not so many that the log hides what else happens.
  int reports_per_second = 10;
};

class StallWatch {
 public:
  struct Watched {
    int worker;
    const RunRecord* record;  // Outlives the watch.
    pid_t thread_id;          // As gettid() tells it on the worker's thread.
  };
  using Callback = std::function<void(const StallReport& report)>;
  // Told at each change, and before the report that goes with it. No worker is
  // stalled at first; what was told last stands when the watch stops.
  using StateCallback = std::function<void(int worker, bool stalled)>;
  using Reader = std::function<absl::StatusOr<ThreadTimes>(pid_t thread)>;

  // `clock` is that of the records. `reader` is for tests.
  StallWatch(
      const std::vector<Watched>& workers, const Clock& clock,
      const StallWatchOptions& options, Callback callback,
      StateCallback state_callback = nullptr,
      Reader reader = [](pid_t thread) { return ReadThreadTimes(thread); });
  ~StallWatch() { Stop(); }
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;

  // Starts the thread; once. If the times of a worker's thread cannot be read
  // it returns why, and there is nothing to stop.
  absl::Status Start();

  // Ends the thread, at once but for a callback under way, which must not call
  // this. Does nothing if there is no thread.
  void Stop();

  // Looks at each worker, and returns how long to wait before the next look.
  // Called by the watch's thread; a test that does not Start() it calls it
  // itself, on the thread that made the watch.
  std::chrono::nanoseconds Look();

 private:
  // A worker, and what is known of its run under way.
  struct Seen {
    Watched watched;
    uint64_t begun = 0;  // 0: of none.

    // At the last look.
    uint64_t looked_at = 0;  // Clock::Ticks().
    ThreadTimes times = {};

    // From the first look to the last.
    std::chrono::nanoseconds wall{0};
    std::chrono::nanoseconds had_cpu{0};
    std::chrono::nanoseconds not_given{0};

    // The own time at which the next report is due.
    std::chrono::nanoseconds due{0};

    // As it was told last.
    bool stalled = false;
  };

  void Loop();
  // Waits for `span`; false if it is stopped meanwhile.
  bool AwaitNextLook(std::chrono::nanoseconds span);

  // Returns how long it takes at least until a report of this worker is due.
  std::chrono::nanoseconds LookAt(Seen& seen)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(looker_);
  // The two kinds of look at a run under way: `times` were read at `now`.
  void Begin(Seen& seen, uint64_t begun, uint64_t now,
             const ThreadTimes& times) const;
  void Continue(Seen& seen, uint64_t now, const ThreadTimes& times) const;
  // Tells the state if it has changed.
  void TellState(Seen& seen, bool stalled) const;
  // Reports the run, or counts it as held back.
  void Report(const Seen& seen, const RunRecord::Run& run)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(looker_);
  // Whether one more report keeps to the limit, in which case it is counted.
  bool TakesReport() ABSL_EXCLUSIVE_LOCKS_REQUIRED(looker_);
  // What passed between two values of Clock::Ticks().
  std::chrono::nanoseconds Between(uint64_t earlier, uint64_t later) const;

  // Fixed at construction; anyone may read.
  const Clock clock_;
  const StallWatchOptions options_;
  // Between two looks, as long as no run is about to be reported.
  const std::chrono::nanoseconds period_;
  // What is worth no look of its own.
  const std::chrono::nanoseconds grain_;
  const Callback callback_;
  const StateCallback state_callback_;
  const Reader reader_;

  // Shared.
  Mutex mutex_;
  CondVar stop_begun_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // The owner's: Start() and Stop().
  std::thread thread_;

  // The watch thread's alone; until Start() the owner's.
  ThreadRole looker_;
  std::vector<Seen> workers_ ABSL_GUARDED_BY(looker_);
  // When the reports of the last second were made, the oldest first.
  std::deque<Moment> recent_ ABSL_GUARDED_BY(looker_);
  uint64_t suppressed_ ABSL_GUARDED_BY(looker_) = 0;
};

}  // namespace pinion

#endif  // PINION_CORE_STALL_WATCH_H_
