// SPDX-License-Identifier: Apache-2.0
//
// FrontDoor: where an arrived call is routed and admitted, or refused.
//
// Threads: anyone; made before calls arrive.
// Example: std::optional<Answer> refusal = door.Enter(lanes, asked, call);
//          if (refusal.has_value()) Send(*std::move(refusal));
#ifndef PINION_SERVER_FRONT_DOOR_H_
#define PINION_SERVER_FRONT_DOOR_H_

#include <atomic>
#include <optional>

#include "absl/strings/string_view.h"
#include "server/answer.h"
#include "server/call.h"
#include "server/lanes.h"
#include "server/router.h"

namespace pinion {

class FrontDoor {
 public:
  explicit FrontDoor(const Router& router) : router_(router) {}

  // Gives `call` to the lane its route leads to; then it is no longer the
  // caller's. Or says why not, and the caller answers it so.
  std::optional<Answer> Enter(Lanes& lanes,
                              std::optional<absl::string_view> asked_worker,
                              Call* call) const;

  // Refuses all calls from now on.
  void Close() { closed_.store(true, std::memory_order_relaxed); }

 private:
  const Router& router_;
  // Relaxed: a call that slips past is run and answered like one before it.
  std::atomic<bool> closed_{false};
};

}  // namespace pinion

#endif  // PINION_SERVER_FRONT_DOOR_H_
