// SPDX-License-Identifier: Apache-2.0
#include "server/front_door.h"

namespace pinion {

std::optional<Answer> FrontDoor::Enter(
    Lanes& lanes, std::optional<absl::string_view> asked_worker,
    Call* call) const {
  if (closed_.load(std::memory_order_relaxed)) return Stopping();
  const absl::StatusOr<int> worker =
      router_.Route(*call->method, call->request, asked_worker, lanes);
  if (!worker.ok()) {
    return Failed(worker.status(), v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
  }
  return lanes.Admit(*worker, call);
}

}  // namespace pinion
