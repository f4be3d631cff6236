// SPDX-License-Identifier: Apache-2.0
//
// LoadGenerator: sends calls to a target and measures their latency.
//
// Threads: Run() on one thread, which paces the open loop; answers come on any
//          thread. Any thread may Stop() and Look().
// Cost:    no lock and no memory for a call, besides the target's.
// Life:    if Run() left calls open, destroy the target first.
// Example: LoadGenerator load({.in_flight = 64}, maker, target, clock);
//          load.Run();
//          load.Look().answers.succeeded.AtPercentile(99);
//
// In a closed loop, a number of places each have one call open, and send the
// next one when it is answered. In an open loop, calls are due at a fixed rate,
// whatever the target does, like those of many callers:
//
//   due       1   2   3   4   5   6   7   8
//   target    ====|   stall           |====
//   latency   1 2 |<3>                |       counted from when a call was due,
//                 |   <-4------------>|       not from when it could be sent: a
//                 |       <-5-------->|       stall is in the latencies of all
//                 |           <-6---->|       calls that fell into it
//
// It counts the calls that are due (in a closed loop: sent) in the measured
// time, which follows the warm-up; each until its answer, even if that comes
// later. The rate is the rate of answers within the measured time. A call may
// be a stream, which is answered when it ends: its messages are counted then as
// answers are, and its first one has a latency of its own.
#ifndef PINION_CLIENT_CLI_LOAD_GENERATOR_H_
#define PINION_CLIENT_CLI_LOAD_GENERATOR_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "pinion/client/cli/clock.h"
#include "pinion/client/cli/histogram.h"
#include "pinion/client/cli/load_counts.h"
#include "pinion/client/cli/load_target.h"
#include "pinion/client/cli/random.h"
#include "pinion/client/cli/request_maker.h"

namespace pinion::cli {

struct LoadOptions {
  // The calls that are open at once; in an open loop, the most.
  int in_flight = 64;
  // Calls per second of an open loop; 0: a closed loop.
  double rate = 0;
  absl::Duration warm_up = absl::ZeroDuration();
  absl::Duration duration = absl::Seconds(10);
  // How long to wait for answers at the end; after Stop(), one second.
  absl::Duration patience = absl::Seconds(11);
  // Seed of the keys. In an open loop, all calls have the same keys in the same
  // order; in a closed loop, the calls of each place do.
  uint64_t seed = 1;
};

class LoadGenerator final : private AnswerReceiver {
 public:
  // The measurements so far.
  struct State {
    LoadCounts::State answers;
    // The part of the measured time that has passed.
    absl::Duration measured;
    // Calls without an answer, those of the warm-up included. Known when Run()
    // has returned, like the next ones.
    uint64_t open = 0;
    // Open loop: how late calls were sent.
    Histogram send_delay;
    // Due calls that had to wait because all places were taken.
    uint64_t waited_for_place = 0;
    // Due calls that were never sent because all places were taken until the
    // end.
    uint64_t unsent = 0;
  };

  // All arguments must outlive it.
  LoadGenerator(const LoadOptions& options, const RequestMaker& requests,
                LoadTarget& target, Clock& clock);
  LoadGenerator(const LoadGenerator&) = delete;
  LoadGenerator& operator=(const LoadGenerator&) = delete;

  // Sends all calls and waits for the answers. Call it once.
  void Run();

  // Ends the measured time now.
  void Stop() { stop_.store(true, std::memory_order_relaxed); }

  // Takes a fraction of a millisecond.
  State Look();

 private:
  // A place of one call at a time.
  struct alignas(64) Place {
    explicit Place(uint64_t seed) : random(seed) {}

    // The thread that sends the call writes these before, and reads them when
    // the call is answered.
    int64_t due_ns = 0;
    std::string buffer;
    Random random;
    Place* next_free = nullptr;
  };

  bool open_loop() const { return options_.rate > 0; }
  void RunPlaces();  // The closed loop.
  void SendAll();    // The open one.
  void Send(Place& place, Random& random, int64_t due_ns);
  void Answered(uint32_t call, const std::optional<ErrorKind>& error) override;
  void Received(uint32_t call, bool first) override;
  void Count(int64_t due_ns, int64_t now_ns,
             const std::optional<ErrorKind>& error);
  bool EndsNow(int64_t now_ns);
  int64_t DueOf(uint64_t call) const;
  void AwaitAnswers();

  // Places without a call: any thread adds one, Run() takes all of them.
  void PutFree(Place& place);
  void TakeAllFree();  // When none is left of those taken before.
  Place* TakeFree();   // Null: there is none.

  const LoadOptions options_;
  const RequestMaker& requests_;
  LoadTarget& target_;
  Clock& clock_;

  std::vector<Place> places_;
  LoadCounts counts_;
  std::atomic<bool> stop_{false};
  // The measured time. Stop() moves its end.
  std::atomic<int64_t> start_ns_{0};
  std::atomic<int64_t> end_ns_{0};
  std::atomic<Place*> free_{nullptr};

  // Run()'s thread only; the figures are read when it has returned.
  int64_t first_due_ns_ = 0;
  Place* free_taken_ = nullptr;
  uint64_t sent_ = 0;
  Histogram send_delay_;
  uint64_t waited_for_place_ = 0;
  uint64_t unsent_ = 0;
  uint64_t open_ = 0;
  std::atomic<bool> over_{false};
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_LOAD_GENERATOR_H_
