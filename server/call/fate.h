// SPDX-License-Identifier: Apache-2.0
//
// Fate: the one atomic word in a call that decides who answers it.
//
// Threads: any thread. Of all that try, exactly one wins.
// States:  waiting ──Claim()──► running ──────Finish()──────► answered
//             │                    └─Hold()──► held ──FinishHeld()─┤
//             └────────────────────┴────────────┴──── Revoke() ────┘
// Example: if (!fate.Claim()) return;             // answered while it waited
//          Answer answer = RunHandler();
//          if (fate.Finish()) Send(answer);       // else the result comes late
#ifndef PINION_SERVER_CALL_FATE_H_
#define PINION_SERVER_CALL_FATE_H_

#include <atomic>
#include <cstdint>
#include <optional>

namespace pinion {

// Why a call is answered in its handler's place.
enum class RevokeReason : uint8_t {
  kExpired = 1,      // Its deadline has passed.
  kCancelled,        // Its client has cancelled it or is gone.
  kStopped,          // The server stops and has no time left.
  kUnauthenticated,  // Its caller's token proves nothing any more.
  kNotAllowed,       // A reload has brought a policy that does not allow it.
};

class Fate {
 public:
  // The state of a call when a thread tried to answer it.
  enum class Was { kWaiting, kRunning, kHeld, kAnswered };

  // For the worker, just before the handler: the call runs from now on. False
  // if the call was answered already; then no handler may see it.
  bool Claim() { return Move(kWaiting, kRunning); }

  // For the worker, after the handler: the caller answers if true. False if the
  // call was answered already; then drop the result.
  bool Finish() { return Move(kRunning, kAnswered); }

  // For the worker of a stream whose handler has returned and left it open: the
  // worker is done with it. False if it was answered already.
  bool Hold() { return Move(kRunning, kHeld); }

  // For the holder of such a stream, when it ends the stream; like Finish().
  bool FinishHeld() { return Move(kHeld, kAnswered); }

  // For any thread, to answer in the handler's place. The caller answers,
  // unless the result is kAnswered.
  Was Revoke(RevokeReason reason) {
    const auto revoked =
        static_cast<uint8_t>(kRevoked + static_cast<int>(reason));
    for (const Was was : {Was::kWaiting, Was::kRunning, Was::kHeld}) {
      auto state = static_cast<uint8_t>(was);
      const uint8_t done = was == Was::kHeld ? kWorkerDone : 0;
      // Acquire and release as in Move().
      if (state_.compare_exchange_strong(state, revoked | done,
                                         std::memory_order_acq_rel)) {
        return was;
      }
      if (state >= kAnswered) return Was::kAnswered;
    }
    // It has moved on and was answered, between two of our tries.
    return Was::kAnswered;
  }

  // After Revoke() has won: the thread that answers says that the answer is
  // counted, and the worker says that it has released the call. True for the
  // later of the two, which releases the call's place in its lane. Not for a
  // held call, with which the worker was done before.
  bool RevokerIsDone() { return Leave(kRevokerDone, kWorkerDone); }
  bool WorkerIsDone() { return Leave(kWorkerDone, kRevokerDone); }

  // After Revoke() has won: whether the worker is done with the call.
  bool worker_is_done() const {
    return (state_.load(std::memory_order_relaxed) & kWorkerDone) != 0;
  }

  // Whether the call is answered, by its handler or otherwise.
  bool answered() const {
    return (state_.load(std::memory_order_relaxed) & kState) >= kAnswered;
  }

  // The reason if it was answered in its handler's place; otherwise none.
  std::optional<RevokeReason> revoke_reason() const {
    const int state = state_.load(std::memory_order_relaxed) & kState;
    if (state <= kRevoked) return std::nullopt;
    return static_cast<RevokeReason>(state - kRevoked);
  }

  // Whether it was answered in its handler's place. The handler may still run.
  bool revoked() const {
    return (state_.load(std::memory_order_relaxed) & kState) > kRevoked;
  }

 private:
  static constexpr auto kWaiting = static_cast<uint8_t>(Was::kWaiting);
  static constexpr auto kRunning = static_cast<uint8_t>(Was::kRunning);
  static constexpr auto kHeld = static_cast<uint8_t>(Was::kHeld);
  static constexpr auto kAnswered = static_cast<uint8_t>(Was::kAnswered);
  static constexpr uint8_t kRevoked = kAnswered;  // Plus the reason.
  static constexpr uint8_t kState = 0x0f;
  static constexpr uint8_t kRevokerDone = 0x10;
  static constexpr uint8_t kWorkerDone = 0x20;

  bool Move(uint8_t from, uint8_t to) {
    // Release, with the acquire of the thread that finds the new state: it sees
    // everything that was counted for the call before, when it counts the next
    // step.
    return state_.compare_exchange_strong(from, to, std::memory_order_acq_rel);
  }

  bool Leave(uint8_t mine, uint8_t other) {
    // Each of the two with the other: the later sees all that the earlier did
    // before.
    return (state_.fetch_or(mine, std::memory_order_acq_rel) & other) != 0;
  }

  std::atomic<uint8_t> state_{kWaiting};
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_FATE_H_
