// SPDX-License-Identifier: Apache-2.0
//
// Router: from a call to the worker that runs it.
//
// Threads: anyone; fixed at construction, but for the choice among lanes.
// Way:     key → hash → slot → the worker that owns the slot (slot_owners.h). A
//          call of a method without a key goes where its metadata says, or to
//          the lane that holds fewer calls of two drawn at random.
// Example: absl::StatusOr<int> worker = router.Route(method, request, asked,
//                                                    lanes);
#ifndef PINION_SERVER_ROUTER_H_
#define PINION_SERVER_ROUTER_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/hosted_service.h"
#include "server/lanes.h"
#include "server/slot_owners.h"

namespace pinion {

class Router {
 public:
  Router(int workers, uint64_t key_seed) : owners_(workers, key_seed) {}

  // The worker for a call of `method` with these serialized bytes.
  // `asked_worker` is the metadata pinion-worker, if the call has it.
  // INVALID_ARGUMENT if the request has no valid key, or the metadata is not
  // allowed or not a worker.
  absl::StatusOr<int> Route(const HostedMethod& method,
                            absl::string_view request,
                            std::optional<absl::string_view> asked_worker,
                            const Lanes& lanes) const;

  // The same for a method that has a key.
  absl::StatusOr<int> RouteKeyed(
      const HostedMethod& method, absl::string_view request,
      std::optional<absl::string_view> asked_worker) const;

  const SlotOwners& owners() const { return owners_; }

 private:
  int LessLoaded(const Lanes& lanes) const;

  const SlotOwners owners_;
};

}  // namespace pinion

#endif  // PINION_SERVER_ROUTER_H_
