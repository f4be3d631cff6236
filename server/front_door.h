// SPDX-License-Identifier: Apache-2.0
//
// FrontDoor: where an arrived call is routed and admitted, or refused; and the
//            count of those inside.
//
// Threads: anyone; made before calls arrive.
// Example: if (auto refusal = door.Enter(lanes, asked, call)) Send(*refusal);
//          ...                              // When its answer has left:
//          if (call->inside) door.Leave();
#ifndef PINION_SERVER_FRONT_DOOR_H_
#define PINION_SERVER_FRONT_DOOR_H_

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/answer.h"
#include "server/call.h"
#include "server/lanes.h"
#include "server/router.h"

namespace pinion {

class FrontDoor {
 public:
  explicit FrontDoor(const Router& router) : router_(router) {}

  // Gives `call` to the lane its route leads to; then it is no longer the
  // caller's. Or says why not, and the caller answers it so. Unless the door is
  // closed the call is inside from now on, refused or not.
  std::optional<Answer> Enter(Lanes& lanes,
                              std::optional<absl::string_view> asked_worker,
                              Call* call);

  // Says that the answer of a call that was inside has left. Once for each.
  void Leave();

  // Refuses all calls from now on.
  void Close();

  // Waits until no call is inside, or `timeout` has passed; after Close().
  // Returns whether none is.
  bool AwaitEmpty(absl::Duration timeout);

 private:
  // The word: whether the door is closed (1 bit), and how many are inside.
  static constexpr uint64_t kClosed = 1;
  static constexpr uint64_t kOne = 2;

  bool Empty() const {
    return word_.load(std::memory_order_acquire) == kClosed;
  }

  const Router& router_;
  std::atomic<uint64_t> word_{0};
  // Held to tell the one who waits.
  absl::Mutex mutex_;
  absl::CondVar emptied_;
};

}  // namespace pinion

#endif  // PINION_SERVER_FRONT_DOOR_H_
