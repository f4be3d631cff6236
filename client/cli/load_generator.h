// SPDX-License-Identifier: Apache-2.0
//
// LoadGenerator: sends calls to a target and measures their latency.
//
// Threads: Run() on one thread, which paces the open loop; answers come on any.
//          Stop() and Look() from anyone.
// Cost:    no lock and no memory for a call, beyond the target's.
// Life:    if Run() left calls open, the target must go first.
// Example: LoadGenerator load({.in_flight = 64}, maker, target, clock);
//          load.Run();
//          load.Look().answers.succeeded.AtPercentile(99);
//
// In a closed loop a number of places each have one call open, and send the
// next when it is answered. In an open loop calls are due at a fixed rate,
// whatever the target does, as those of many callers would be:
//
//   due       1   2   3   4   5   6   7   8
//   target    ====|   stall           |====
//   latency   1 2 |<3>                |       counted from when a call was due,
//                 |   <-4------------>|       not from when it could be sent: a
//                 |       <-5-------->|       stall is in the latencies of all
//                 |           <-6---->|       calls that fell into it
//
// Counted are the calls that are due, or in a closed loop are sent, in the
// measured time, which follows the time to warm up; each until its answer, even
// if that comes later. The rate is that of the answers within the time.
#ifndef PINION_CLIENT_CLI_LOAD_GENERATOR_H_
#define PINION_CLIENT_CLI_LOAD_GENERATOR_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/clock.h"
#include "client/cli/histogram.h"
#include "client/cli/load_target.h"
#include "client/cli/random.h"
#include "client/cli/request_maker.h"
#include "client/cli/tally.h"

namespace pinion::cli {

struct LoadOptions {
  // The calls that are open at once; in an open loop at most.
  int in_flight = 64;
  // Calls a second of an open loop; 0: a closed loop.
  double rate = 0;
  absl::Duration warm_up = absl::ZeroDuration();
  absl::Duration duration = absl::Seconds(10);
  // How long answers are waited for at the end; after Stop() one second.
  absl::Duration patience = absl::Seconds(11);
  // Of the keys. In an open loop the calls have the same keys in the same
  // order; in a closed loop those of each place do.
  uint64_t seed = 1;
};

class LoadGenerator final : private AnswerTaker {
 public:
  // What was measured so far.
  struct State {
    Tally::State answers;
    // Of the measured time, how much has passed.
    absl::Duration measured;
    // Calls without an answer, those of the warm-up too. Known when Run() has
    // returned, as are the next.
    uint64_t open = 0;
    // Of an open loop: how much later than due calls were sent.
    Histogram send_delay;
    // Due calls that had to wait as all places were taken.
    uint64_t waited_for_place = 0;
    // Due calls that never were sent, as all places were taken to the end.
    uint64_t unsent = 0;
  };

  // All of them outlive it.
  LoadGenerator(const LoadOptions& options, const RequestMaker& requests,
                LoadTarget& target, Clock& clock);
  LoadGenerator(const LoadGenerator&) = delete;
  LoadGenerator& operator=(const LoadGenerator&) = delete;

  // Sends all calls and waits for the answers. Once only.
  void Run();

  // Ends the measured time now.
  void Stop() { stop_.store(true, std::memory_order_relaxed); }

  // Takes a fraction of a millisecond.
  State Look();

 private:
  // Where one call at a time is.
  struct alignas(64) Place {
    explicit Place(uint64_t seed) : random(seed) {}

    // Who sends the call writes these before it is sent, and reads them when it
    // is answered.
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
  void Count(int64_t due_ns, int64_t now_ns,
             const std::optional<ErrorKind>& error);
  bool EndsNow(int64_t now_ns);
  int64_t DueOf(uint64_t call) const;
  void AwaitAnswers();

  // Places without a call: anyone puts one, Run() takes all there are.
  void PutFree(Place& place);
  void TakeAllFree();  // When none is left of those taken before.
  Place* TakeFree();   // Null: there is none.

  const LoadOptions options_;
  const RequestMaker& requests_;
  LoadTarget& target_;
  Clock& clock_;

  std::vector<Place> places_;
  Tally tally_;
  std::atomic<bool> stop_{false};
  // Of the measured time. The end moves when it is stopped.
  std::atomic<int64_t> start_ns_{0};
  std::atomic<int64_t> end_ns_{0};
  std::atomic<Place*> free_{nullptr};

  // Run()'s thread alone; the figures are read when it has returned.
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
