// SPDX-License-Identifier: Apache-2.0
//
// ChangeNotice: has a function run on a lane's worker when it is told that
//               something has changed.
//
// Threads: one arms it, once, and closes it in the end; anyone may tell.
// Promise: after each Tell() of an armed one the function begins once more, on
//          the worker, before the calls that wait there. Tells that come before
//          it begins are one; one that comes while it runs makes it run again.
// Close:   from then on none begins. One that runs goes on, on the worker; its
//          function is destroyed when it has run, and else by who closes.
// Life:    its owner has references, of which it holds one while the function
//          is under way.
// Example: notice.Arm(hops.TakeForStream(), [this] { Look(); });
//          notice.Tell();
#ifndef PINION_SERVER_CHANGE_NOTICE_H_
#define PINION_SERVER_CHANGE_NOTICE_H_

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "server/hop.h"

namespace pinion {

class RoutedCall;

class ChangeNotice {
 public:
  using Function = absl::AnyInvocable<void()>;

  // Of `call`, of which it is a part.
  explicit ChangeNotice(RoutedCall& call) : call_(call) {}
  ChangeNotice(const ChangeNotice&) = delete;
  ChangeNotice& operator=(const ChangeNotice&) = delete;

  // By way of `hop`, `function` is run on the call's worker. Does not tell.
  void Arm(Hop hop, Function function);
  void Tell();
  void Close();

 private:
  enum State : uint8_t {
    kOff,      // Not armed.
    kIdle,     // Armed; the hop and the function are here.
    kAway,     // The function is to run, or runs.
    kTold,     // The same, and then again.
    kClosing,  // The same, and then all is let go.
    kClosed,
  };

  bool Move(State& from, State to) {
    // Release, with the acquire of who moves it next: who gets the hop and the
    // function sees what was done with them.
    return state_.compare_exchange_weak(from, to, std::memory_order_acq_rel,
                                        std::memory_order_relaxed);
  }
  class Reference;

  void Post();
  void Run(Hop hop);
  // The function has run; `hop` is here again.
  void Settle(Hop hop);
  // What follows when the function has run.
  static State After(State state);
  void LetGo();

  RoutedCall& call_;
  std::atomic<State> state_{kOff};

  // Of who moved it out of kIdle, until it is that again.
  std::optional<Hop> hop_;
  Function function_;
};

}  // namespace pinion

#endif  // PINION_SERVER_CHANGE_NOTICE_H_
