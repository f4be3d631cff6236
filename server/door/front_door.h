// SPDX-License-Identifier: Apache-2.0
//
// FrontDoor: routes each arrived call and admits or refuses it, and has it
//            counted as inside.
//
// Threads: any thread; made before calls arrive.
// Example: if (auto refusal = door.Enter(requested, call)) Send(*refusal);
//          ...                              // When its answer has left:
//          if (call->inside) door.Leave();
#ifndef PINION_SERVER_DOOR_FRONT_DOOR_H_
#define PINION_SERVER_DOOR_FRONT_DOOR_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/door/inside.h"
#include "pinion/server/door/requested_route.h"
#include "pinion/server/door/router.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/lane/lanes.h"
#include "pinion/server/party/parties.h"
#include "pinion/server/party/trusted_proxies.h"

namespace pinion {

struct FrontDoorOptions {
  // The most calls that the server holds, and the most bytes of their requests
  // and answers; see Credit for the ranges.
  int64_t max_calls = 1'000'000;
  int64_t max_bytes = int64_t{1} << 30;
  // The deadline of calls that come without one; none: they have no deadline.
  std::optional<std::chrono::nanoseconds> default_timeout = std::nullopt;
  // The number of lanes in the server, of all services together.
  size_t lanes = 0;
  TrustedProxies trusted_proxies = {};
};

// A call at the door, and what it asks for.
struct Arrival {
  RoutedCall* call;
  RequestedRoute requested;
};

class FrontDoor {
 public:
  FrontDoor(const Router& router, const Clock& clock,
            const FrontDoorOptions& options)
      : router_(router),
        clock_(clock),
        options_(options),
        credit_(options.max_calls, options.max_bytes),
        parties_(options.lanes, options.trusted_proxies) {}

  // Lets calls in. They must all have the same party, or none. Each call goes
  // to the lane of its route, calls of one lane in their order; from then on
  // the winner of its fate answers it. For each refused call, calls `refuse`,
  // and the caller answers that call. Unless the door is closed, all of them,
  // refused or not, are inside from now on.
  //
  // `held_bytes` are the bytes that the calls hold together, besides their own.
  // Returns true if these were reserved: the caller then returns them to
  // credit() when they are released. If there is no room for them, all calls
  // are refused.
  bool EnterAll(
      absl::Span<const Arrival> arrivals,
      absl::FunctionRef<void(RoutedCall& call, Answer refusal)> refuse,
      int64_t held_bytes = 0);

  // The same for one call; returns the refusal.
  std::optional<Answer> Enter(const RequestedRoute& requested,
                              RoutedCall* call);

  // Says that the answers of `calls` calls inside have left. Once for each
  // call.
  void Leave(int64_t calls = 1) { inside_.Leave(calls); }

  // The calls inside. Once this is closed, the door refuses all calls.
  Inside& inside() { return inside_; }

  // The number of workers to which it routes.
  int workers() const { return router_.owners().workers(); }

  // What the server holds now for accepted calls.
  const Credit& credit() const { return credit_; }
  // For its calls.
  Credit& credit() { return credit_; }
  // The clients of its calls.
  Parties& parties() { return parties_; }

 private:
  // Calls for one lane, and for one list in it.
  struct Group {
    Lanes* lanes;
    int worker;
    TaskClass task_class;
    std::vector<RoutedCall*> calls;
  };
  // The groups of calls that came together.
  class Groups;

  // Where the call must go; an error if its request or metadata does not say.
  absl::StatusOr<int> Route(const Arrival& arrival) const;
  // Reserves the server's places for the routed calls, for all of them at once
  // if possible; for none if there was no `room` for what they hold together.
  // Calls `refuse` for those without a place, and removes them from the group.
  void Reserve(
      Group& group, Credit::Grant room,
      absl::FunctionRef<void(RoutedCall& call, Answer refusal)> refuse);
  Answer Full(const Group& group, const RoutedCall& call,
              Credit::Grant why) const;

  const Router& router_;
  const Clock clock_;
  const FrontDoorOptions options_;
  Inside inside_;
  Credit credit_;
  Parties parties_;
};

}  // namespace pinion

#endif  // PINION_SERVER_DOOR_FRONT_DOOR_H_
