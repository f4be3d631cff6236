// SPDX-License-Identifier: Apache-2.0
//
// Router: chooses the worker that runs a call.
//
// Threads: any thread; fixed at construction, except for the choice among
//          lanes.
// Way:     key → hash → slot → the worker that owns the slot (slot_owners.h). A
//          call of a method with any_worker goes to the one that its metadata
//          names, or else to the lane with fewer calls of two random lanes.
// Example: absl::StatusOr<int> worker = router.Route(served, request, asked);
#ifndef PINION_SERVER_DOOR_ROUTER_H_
#define PINION_SERVER_DOOR_ROUTER_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/server/call/served_method.h"
#include "pinion/server/internal/hosted_method.h"
#include "pinion/server/lane/lanes.h"
#include "pinion/server/shard/slot_owners.h"

namespace pinion {

class Router {
 public:
  Router(int workers, uint64_t key_seed) : owners_(workers, key_seed) {}

  // The worker for a call of the method with these serialized bytes, which may
  // ask for a worker. INVALID_ARGUMENT if the request has no valid key, or if
  // the worker that it asks for is not allowed or not there.
  absl::StatusOr<int> Route(const ServedMethod& served,
                            absl::string_view request,
                            std::optional<int64_t> asked_worker) const;

  // The same for a method with a key.
  absl::StatusOr<int> RouteKeyed(const HostedMethod& method,
                                 absl::string_view request,
                                 std::optional<int64_t> asked_worker) const;

  const SlotOwners& owners() const { return owners_; }

 private:
  int LessLoaded(const Lanes& lanes) const;

  const SlotOwners owners_;
};

}  // namespace pinion

#endif  // PINION_SERVER_DOOR_ROUTER_H_
