// SPDX-License-Identifier: Apache-2.0
//
// RequestedRoute: what a call asks for besides what its method and its key say.
//
// Threads: any thread; plain data.
// Example: const auto route = ParseRequestedRoute("3", "bulk", workers);
//          if (!route.ok()) return Refuse(route.status());
#ifndef PINION_SERVER_DOOR_REQUESTED_ROUTE_H_
#define PINION_SERVER_DOOR_REQUESTED_ROUTE_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/core/task.h"

namespace pinion {

struct RequestedRoute {
  // As the client gave it; the Router refuses a worker that is not there.
  std::optional<int64_t> worker = std::nullopt;
  // Can only lower the priority: a higher one counts as the method's.
  std::optional<TaskClass> task_class = std::nullopt;
};

// From the metadata pinion-worker and pinion-priority of a plain call, as far
// as it has them. INVALID_ARGUMENT if one of them is no number, or no priority.
// The error names the server's `workers`.
absl::StatusOr<RequestedRoute> ParseRequestedRoute(
    std::optional<absl::string_view> worker,
    std::optional<absl::string_view> priority, int workers);

}  // namespace pinion

#endif  // PINION_SERVER_DOOR_REQUESTED_ROUTE_H_
