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
#include "pinion/server/internal/live_span.h"
#include "pinion/server/lane/lanes.h"
#include "pinion/server/log.h"
#include "pinion/server/party/parties.h"
#include "pinion/server/party/party_limits.h"
#include "pinion/server/party/trusted_proxies.h"
#include "pinion/server/security/policy/policy_in_force.h"

namespace pinion {

class Callers;
class Tracer;

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
  // Says who makes the calls; null: nobody asks. Lives as long as the door.
  Callers* callers = nullptr;
  // Traces the calls; null: nobody does. Lives as long as the door.
  Tracer* tracer = nullptr;
  // The number of hosted methods in the server.
  size_t methods = 0;
  // Receives what is denied by a policy.
  LogSink log = {};
};

// A call at the door, and what it asks for.
struct Arrival {
  RoutedCall* call;
  RequestedRoute requested;
  // It was taken from what another party may begin: its own caller's.
  bool charged = false;
};

class FrontDoor {
 public:
  FrontDoor(const Router& router, const Clock& clock,
            const FrontDoorOptions& options)
      : router_(router),
        clock_(clock),
        default_timeout_(options.default_timeout.value_or(LiveSpan::kForever)),
        credit_(options.max_calls, options.max_bytes),
        trusted_proxies_(options.trusted_proxies),
        parties_(options.lanes, options.trusted_proxies),
        policy_(options.methods, clock, options.log),
        limits_(clock),
        callers_(options.callers),
        tracer_(options.tracer) {}

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
  //
  // `limited` is the party whose limits hold for the calls; null: none. Whether
  // the policy allows them, the caller has asked: see Rights. Hops do not come
  // by the door, and are not judged again.
  bool EnterAll(
      absl::Span<const Arrival> arrivals,
      absl::FunctionRef<void(RoutedCall& call, Answer refusal)> refuse,
      int64_t held_bytes = 0, LimitedParty* limited = nullptr);

  // The same for one call; returns the refusal.
  std::optional<Answer> Enter(const RequestedRoute& requested, RoutedCall* call,
                              LimitedParty* limited = nullptr);

  // Takes one call, with a request of so many bytes, from what the party may
  // begin; or returns the refusal.
  std::optional<Answer> RefuseOverRate(LimitedParty& party, int64_t bytes = 0);

  // The refusal that Enter() would return now for a call of that lane without a
  // deadline of its own, with a request of so many bytes, from a client that
  // holds nothing and has no limits; none if it would let it in. Changes
  // nothing.
  std::optional<Answer> Foretell(const Lanes& lanes, int worker,
                                 int64_t request_bytes) const;

  // Changes FrontDoorOptions::default_timeout for calls that come from now on.
  void SetDefaultTimeout(std::optional<std::chrono::nanoseconds> timeout) {
    default_timeout_.Set(timeout.value_or(LiveSpan::kForever));
  }

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
  const TrustedProxies& trusted_proxies() const { return trusted_proxies_; }
  // What they may call, and how much of it.
  PolicyInForce& policy() { return policy_; }
  PartyLimits& limits() { return limits_; }
  // Whether any of the two asks who calls.
  bool has_rules() const { return policy_.exists() || limits_.any(); }
  // Null: nobody asks who they are.
  Callers* callers() const { return callers_; }
  // Null: no call is traced.
  Tracer* tracer() const { return tracer_; }

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

  // How many of the arrivals that are not charged their party may begin now,
  // and why no more.
  struct WithinRate {
    size_t calls;
    bool has_bytes = true;
  };
  WithinRate TakeRate(absl::Span<const Arrival> arrivals, LimitedParty& party);
  Answer OverRate(const WithinRate& within, const LimitedParty& party) const;

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
  // The server itself is full, whoever calls.
  Answer ServerFull(const Lanes& lanes, int worker) const;

  const Router& router_;
  const Clock clock_;
  LiveSpan default_timeout_;  // kForever: none.
  Inside inside_;
  Credit credit_;
  const TrustedProxies trusted_proxies_;
  Parties parties_;
  PolicyInForce policy_;
  PartyLimits limits_;
  Callers* const callers_;
  Tracer* const tracer_;
};

}  // namespace pinion

#endif  // PINION_SERVER_DOOR_FRONT_DOOR_H_
