// SPDX-License-Identifier: Apache-2.0
//
// CallLoop: keeps a number of calls in flight by callbacks, and measures.
// CallWay: what makes them, as a client's session does.
//
// Threads: Measure() by the owner; the rest on the threads of the way, which
//          brings one answer at a time.
// Example: CallLoop loop(way, server, 64);
//          auto figures = loop.Measure(absl::Seconds(1));
//
// For unary calls see queue_loop.h.
#ifndef PINION_TESTS_BENCH_SUPPORT_CALL_LOOP_H_
#define PINION_TESTS_BENCH_SUPPORT_CALL_LOOP_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pinion/tests/bench/support/call_figures.h"
#include "pinion/tests/bench/support/child_process.h"

namespace pinion::bench {

class CallLoop;

// One call at a time.
class CallSlot {
 public:
  CallSlot(CallLoop& loop, uint64_t index) : loop_(loop), index_(index) {}

  // From 0, less than how many calls the loop keeps in flight.
  uint64_t index() const { return index_; }

  // Its answer came, or an error: also if the answer was wrong. Another call
  // follows, unless the loop ends.
  void Answered(const absl::Status& status);

 private:
  friend class CallLoop;

  CallLoop& loop_;
  const uint64_t index_;
  uint64_t calls_ = 0;
  int64_t begun_ns_ = 0;  // 0: this call's time is not taken.
};

class CallWay {
 public:
  virtual ~CallWay() = default;

  // Sends a call of the slot; never waits.
  virtual void Begin(CallSlot& slot) = 0;
};

class CallLoop {
 public:
  CallLoop(CallWay& way, const ChildProcess& server, int in_flight);

  // Calls for `length`, and for a moment before, which is not measured. Then
  // waits for the last answers.
  absl::StatusOr<CallFigures> Measure(absl::Duration length);

 private:
  friend class CallSlot;

  void Begin(CallSlot& slot);
  void Ended(const absl::Status& status);
  absl::Status AwaitEnd();
  void KeepTime(int64_t nanos);

  CallWay& way_;
  const ChildProcess& server_;
  // Looking at the clock costs much of what a call in a full loop does, so then
  // only one of so many is timed.
  const uint64_t timed_one_of_;
  std::vector<CallSlot> slots_;

  std::atomic<bool> measuring_{false};
  std::atomic<bool> ending_{false};
  std::atomic<int64_t> answered_{0};
  std::atomic<size_t> times_{0};
  std::vector<int64_t> times_ns_;

  std::mutex mutex_;
  std::condition_variable changed_;
  int open_ = 0;  // Guarded by mutex_, as is the next.
  absl::Status mistake_;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_CALL_LOOP_H_
