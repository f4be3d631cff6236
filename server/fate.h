// SPDX-License-Identifier: Apache-2.0
//
// Fate: the one atomic word in a call that decides who answers it.
//
// Threads: anyone; of all who try, exactly one wins.
// States:  waiting ──Claim()──► running ──Finish()──► answered
//             └───────────────┴──────── Take() ────────────┘
// Example: if (!fate.Claim()) return;             // answered while it waited
//          Answer answer = RunHandler();
//          if (fate.Finish()) Send(answer);       // else the result comes late
#ifndef PINION_SERVER_FATE_H_
#define PINION_SERVER_FATE_H_

#include <atomic>
#include <cstdint>
#include <optional>

namespace pinion {

// Who answers a call in the place of its handler.
enum class Verdict : uint8_t {
  kExpired = 1,  // Its deadline has passed.
  kCancelled,    // Its client has cancelled it, or is gone.
  kStopped,      // The server stops and has no more time.
};

class Fate {
 public:
  // What a call was when somebody asked to answer it.
  enum class Was { kWaiting, kRunning, kAnswered };

  // The worker, just before the handler: from now on it runs. False if the call
  // was answered meanwhile: then no handler may see it.
  bool Claim() { return Move(kWaiting, kRunning); }

  // The worker, when the handler has ended. False if the call was answered
  // meanwhile: the result is dropped. True: the caller answers.
  bool Finish() { return Move(kRunning, kAnswered); }

  // Anyone, in the place of the handler. Unless the call was answered before,
  // the caller answers.
  Was Take(Verdict verdict) {
    const auto taken = static_cast<uint8_t>(kTaken + static_cast<int>(verdict));
    for (uint8_t state : {kWaiting, kRunning}) {
      // Acquire and release as in Move().
      if (state_.compare_exchange_strong(state, taken,
                                         std::memory_order_acq_rel)) {
        return state == kWaiting ? Was::kWaiting : Was::kRunning;
      }
      if (state >= kAnswered) return Was::kAnswered;
    }
    // It was claimed, and its handler ended, between the two tries.
    return Was::kAnswered;
  }

  // Of a call that was taken: who took it says that its answer is counted, and
  // the worker that it has let go of it. True for the later of the two, who
  // gives back the call's place in its lane.
  bool TakerIsDone() { return Leave(kTakerDone, kWorkerDone); }
  bool WorkerIsDone() { return Leave(kWorkerDone, kTakerDone); }

  // Whether anyone has answered it.
  bool answered() const {
    return (state_.load(std::memory_order_relaxed) & kState) >= kAnswered;
  }

  // By what it was answered in the place of its handler; none if it was not.
  std::optional<Verdict> verdict() const {
    const int state = state_.load(std::memory_order_relaxed) & kState;
    if (state <= kTaken) return std::nullopt;
    return static_cast<Verdict>(state - kTaken);
  }

  // Whether it was answered in the place of its handler, which may still run.
  bool taken() const {
    return (state_.load(std::memory_order_relaxed) & kState) > kTaken;
  }

 private:
  static constexpr uint8_t kWaiting = 0;
  static constexpr uint8_t kRunning = 1;
  static constexpr uint8_t kAnswered = 2;
  static constexpr uint8_t kTaken = 2;  // Plus the verdict.
  static constexpr uint8_t kState = 0x0f;
  static constexpr uint8_t kTakerDone = 0x10;
  static constexpr uint8_t kWorkerDone = 0x20;

  bool Move(uint8_t from, uint8_t to) {
    // Release, with the acquire of whoever finds the new state: what was
    // counted of the call before is seen by who counts its next step.
    return state_.compare_exchange_strong(from, to, std::memory_order_acq_rel);
  }

  bool Leave(uint8_t mine, uint8_t other) {
    // Each way with itself: the later sees all that the earlier did before.
    return (state_.fetch_or(mine, std::memory_order_acq_rel) & other) != 0;
  }

  std::atomic<uint8_t> state_{kWaiting};
};

}  // namespace pinion

#endif  // PINION_SERVER_FATE_H_
