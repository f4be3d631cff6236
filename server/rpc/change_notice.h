// SPDX-License-Identifier: Apache-2.0
//
// ChangeNotice: runs a function on a lane's worker after a notification of a
//               change.
//
// Threads: one thread arms it, once, and closes it at the end. Any thread may
//          call Tell().
// Promise: after each Tell() of an armed notice, the function starts once more
//          on the worker, before the calls that wait there. Several Tell()s
//          before it starts cause one run; a Tell() while it runs causes
//          another run.
// Close:   after Close() no run starts. A run in progress goes on, on the
//          worker. The function is destroyed after that run, or else by the
//          thread that closes.
// Life:    its owner is reference-counted; the notice holds one reference while
//          the function is due or runs.
// Example: notice.Arm(hops.TakeForStream(), [this] { Look(); });
//          notice.Tell();
#ifndef PINION_SERVER_RPC_CHANGE_NOTICE_H_
#define PINION_SERVER_RPC_CHANGE_NOTICE_H_

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "pinion/server/hop.h"

namespace pinion {

class RoutedCall;

class ChangeNotice {
 public:
  using Function = absl::AnyInvocable<void()>;

  // For `call`, of which it is a part.
  explicit ChangeNotice(RoutedCall& call) : call_(call) {}
  ChangeNotice(const ChangeNotice&) = delete;
  ChangeNotice& operator=(const ChangeNotice&) = delete;

  // Runs `function` on the call's worker through `hop`, after each Tell(). Does
  // not notify yet.
  void Arm(Hop hop, Function function);
  void Tell();
  void Close();

 private:
  enum State : uint8_t {
    kOff,      // Not armed.
    kIdle,     // Armed; the hop and the function are here.
    kAway,     // The function is due, or runs.
    kTold,     // The same, and it must run once more.
    kClosing,  // The same, and then everything is released.
    kClosed,
  };

  bool Move(State& from, State to) {
    // Release, with the acquire of the thread that moves it next: the thread
    // that gets the hop and the function sees what was done with them.
    return state_.compare_exchange_weak(from, to, std::memory_order_acq_rel,
                                        std::memory_order_relaxed);
  }
  class Reference;

  void Post();
  void Run(Hop hop);
  // Called when the function has run; `hop` is back.
  void Settle(Hop hop);
  // The state that follows when the function has run.
  static State After(State state);
  void LetGo();

  RoutedCall& call_;
  std::atomic<State> state_{kOff};

  // For the thread that moved it out of kIdle, until it is kIdle again.
  std::optional<Hop> hop_;
  Function function_;
};

}  // namespace pinion

#endif  // PINION_SERVER_RPC_CHANGE_NOTICE_H_
