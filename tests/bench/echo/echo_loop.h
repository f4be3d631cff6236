// SPDX-License-Identifier: Apache-2.0
//
// EchoLoop: keeps a number of echoes in flight by callbacks, checks each
// answer, and measures. EchoWay: a way for an echo to the server and back.
//
// Threads: Measure() by the owner; the rest on the threads of the way, which
//          brings one answer at a time.
// Example: EchoLoop loop(way, server, 64);
//          auto figures = loop.Measure(absl::Seconds(1));
#ifndef PINION_TESTS_BENCH_ECHO_ECHO_LOOP_H_
#define PINION_TESTS_BENCH_ECHO_ECHO_LOOP_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/bench/echo/echo_client.h"
#include "tests/bench/support/child_process.h"

namespace pinion::bench {

class EchoLoop;

// One echo at a time.
class EchoSlot {
 public:
  EchoSlot(EchoLoop& loop, uint64_t index);

  uint64_t index() const { return index_; }
  const std::string& payload() const { return payload_; }

  // Its answer came; another call follows, unless the loop ends.
  void Answered(const absl::Status& status, absl::string_view payload);

 private:
  friend class EchoLoop;

  EchoLoop& loop_;
  const uint64_t index_;
  std::string payload_;
  uint64_t calls_ = 0;
  int64_t begun_ns_ = 0;  // 0: this call's time is not taken.
};

class EchoWay {
 public:
  virtual ~EchoWay() = default;

  // Sends the slot's payload; never waits.
  virtual void Begin(EchoSlot& slot) = 0;
};

class EchoLoop {
 public:
  EchoLoop(EchoWay& way, const ChildProcess& server, int in_flight);

  // Calls for `length`, and for a moment before, which is not measured. Then
  // waits for the last answers.
  absl::StatusOr<EchoFigures> Measure(absl::Duration length);

 private:
  friend class EchoSlot;

  void Begin(EchoSlot& slot);
  void Ended(const absl::Status& status);
  void KeepTime(int64_t nanos);

  EchoWay& way_;
  const ChildProcess& server_;
  // Looking at the clock costs much of what a call in a full loop does, so then
  // only one of so many is timed.
  const uint64_t timed_one_of_;
  std::vector<EchoSlot> slots_;

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

#endif  // PINION_TESTS_BENCH_ECHO_ECHO_LOOP_H_
