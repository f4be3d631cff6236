// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/door/requested_route.h"

#include "absl/strings/numbers.h"
#include "pinion/proto/wire/priority_name.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/internal/task_class_of.h"

namespace pinion {

absl::StatusOr<RequestedRoute> ParseRequestedRoute(
    std::optional<absl::string_view> worker,
    std::optional<absl::string_view> priority, int workers) {
  RequestedRoute result;
  if (priority.has_value()) {
    const auto parsed = ParsePriority(*priority);
    if (!parsed.has_value()) return refusals::NoSuchPriority(*priority);
    result.task_class = TaskClassOf(*parsed);
  }
  if (worker.has_value()) {
    int64_t number;
    if (!absl::SimpleAtoi(*worker, &number)) {
      return refusals::WorkerIsNoNumber(*worker, workers);
    }
    result.worker = number;
  }
  return result;
}

}  // namespace pinion
