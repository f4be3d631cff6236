// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/door/front_door.h"

#include <algorithm>
#include <chrono>

#include "pinion/server/call/refusals.h"
#include "pinion/server/call/served_method.h"

namespace pinion {
namespace {

refusals::ServerBounds Bounds(const Credit& credit) {
  return {.calls = {.held = credit.calls(), .max = credit.max_calls()},
          .bytes = {.held = credit.bytes(), .max = credit.max_bytes()}};
}

}  // namespace

// Kept by each thread from message to message, for its memory.
class FrontDoor::Groups {
 public:
  void Add(int worker, RoutedCall* call) {
    Find(call->served->lanes, worker, call->task_class).calls.push_back(call);
  }
  absl::Span<Group> all() { return absl::MakeSpan(groups_.data(), size_); }
  void Clear() {
    for (size_t i = 0; i < size_; ++i) groups_[i].calls.clear();
    size_ = 0;
  }

 private:
  Group& Find(Lanes* lanes, int worker, TaskClass task_class) {
    for (size_t i = 0; i < size_; ++i) {
      Group& group = groups_[i];
      if (group.worker == worker && group.lanes == lanes &&
          group.task_class == task_class) {
        return group;
      }
    }
    if (size_ == groups_.size()) groups_.emplace_back();
    Group& group = groups_[size_++];
    group.lanes = lanes;
    group.worker = worker;
    group.task_class = task_class;
    return group;
  }

  std::vector<Group> groups_;
  size_t size_ = 0;  // Of them, those in use.
};

bool FrontDoor::EnterAll(absl::Span<const Arrival> arrivals,
                         absl::FunctionRef<void(RoutedCall&, Answer)> refuse,
                         int64_t held_bytes, LimitedParty* limited) {
  const auto refuse_and_count = [&](RoutedCall& call, Answer answer) {
    call.served->lanes->CountRefused(call, answer.failure()->reason());
    refuse(call, std::move(answer));
  };
  if (!inside_.Enter(static_cast<int64_t>(arrivals.size()))) {
    for (const Arrival& arrival : arrivals) {
      refuse_and_count(*arrival.call, refusals::ServerStopping());
    }
    return false;
  }
  // All are of one party.
  Holding* const party =
      arrivals.empty() ? nullptr : arrivals[0].call->party_held();
  const Credit::Grant room = held_bytes == 0
                                 ? Credit::Grant::kGranted
                                 : credit_.Reserve(0, held_bytes, party);
  const WithinRate within = limited == nullptr
                                ? WithinRate{.calls = arrivals.size()}
                                : TakeRate(arrivals, *limited);
  size_t begun = 0;
  thread_local Groups groups;
  for (const Arrival& arrival : arrivals) {
    arrival.call->inside = true;
    if (!arrival.charged && begun++ >= within.calls) {
      refuse_and_count(*arrival.call, OverRate(within, *limited));
      continue;
    }
    const absl::StatusOr<int> worker = Route(arrival);
    if (worker.ok()) {
      arrival.call->worker = *worker;
      groups.Add(*worker, arrival.call);
    } else {
      refuse_and_count(*arrival.call, refusals::BadRequest(worker.status()));
    }
  }
  for (Group& group : groups.all()) {
    Reserve(group, room, refuse_and_count);
    if (group.calls.empty()) continue;
    group.lanes->AdmitAll(group.worker, group.calls,
                          [&](RoutedCall& call, Answer refusal) {
                            call.ReturnCredit();
                            refuse_and_count(call, std::move(refusal));
                          });
  }
  groups.Clear();
  return room == Credit::Grant::kGranted && held_bytes > 0;
}

std::optional<Answer> FrontDoor::Enter(const RequestedRoute& requested,
                                       RoutedCall* call,
                                       LimitedParty* limited) {
  std::optional<Answer> result;
  const Arrival arrival = {.call = call, .requested = requested};
  EnterAll(
      absl::MakeConstSpan(&arrival, 1),
      [&](RoutedCall&, Answer refusal) { result = std::move(refusal); },
      /*held_bytes=*/0, limited);
  return result;
}

std::optional<Answer> FrontDoor::RefuseOverRate(LimitedParty& party,
                                                int64_t bytes) {
  if (limits_.TakeCalls(party, 1) == 0) return OverRate({.calls = 0}, party);
  if (bytes == 0 || limits_.TakeBytes(party, bytes)) return std::nullopt;
  return OverRate({.calls = 0, .has_bytes = false}, party);
}

FrontDoor::WithinRate FrontDoor::TakeRate(absl::Span<const Arrival> arrivals,
                                          LimitedParty& party) {
  const auto uncharged =
      std::count_if(arrivals.begin(), arrivals.end(),
                    [](const Arrival& arrival) { return !arrival.charged; });
  const auto calls = static_cast<size_t>(limits_.TakeCalls(party, uncharged));
  int64_t bytes = 0;
  size_t begun = 0;
  for (const Arrival& arrival : arrivals) {
    if (arrival.charged) continue;
    if (begun++ == calls) break;
    bytes += static_cast<int64_t>(arrival.call->request().size());
  }
  if (calls == 0 || limits_.TakeBytes(party, bytes)) return {.calls = calls};
  return {.calls = 0, .has_bytes = false};
}

Answer FrontDoor::OverRate(const WithinRate& within,
                           const LimitedParty& party) const {
  return within.has_bytes ? refusals::CallsOverRate(limits_.calls_per_second(),
                                                    limits_.UntilCall(party))
                          : refusals::BytesOverRate(limits_.bytes_per_second(),
                                                    limits_.UntilBytes(party));
}

absl::StatusOr<int> FrontDoor::Route(const Arrival& arrival) const {
  RoutedCall* const call = arrival.call;
  const RequestedRoute& requested = arrival.requested;
  const TaskClass most = call->method().task_class;
  call->task_class = std::max(most, requested.task_class.value_or(most));
  if (!call->deadline.has_value()) {
    const LiveSpan::Span timeout = default_timeout_.Get();
    if (timeout != LiveSpan::kForever) call->deadline = clock_.Now() + timeout;
  }
  return router_.Route(*call->served, call->request(), requested.worker);
}

void FrontDoor::Reserve(Group& group, Credit::Grant room,
                        absl::FunctionRef<void(RoutedCall&, Answer)> refuse) {
  Holding* const party = group.calls.front()->party_held();
  int64_t bytes = 0;
  for (const RoutedCall* call : group.calls) {
    bytes += call->own_bytes();
  }
  const bool has_room = room == Credit::Grant::kGranted;
  const bool all =
      has_room && credit_.Reserve(static_cast<int64_t>(group.calls.size()),
                                  bytes, party) == Credit::Grant::kGranted;
  // One by one where there is not room for all.
  const auto has_none = [&](RoutedCall* call) {
    const Credit::Grant grant =
        all || !has_room ? room : credit_.Reserve(1, call->own_bytes(), party);
    if (grant != Credit::Grant::kGranted) {
      refuse(*call, Full(group, *call, grant));
      return true;
    }
    // The call's, before others see it: given back when it is gone.
    call->HoldCredit();
    return false;
  };
  // In their order, which std::erase_if keeps.
  std::erase_if(group.calls, has_none);
}

Answer FrontDoor::Full(const Group& group, const RoutedCall& call,
                       Credit::Grant why) const {
  if (why == Credit::Grant::kTooManyCalls ||
      why == Credit::Grant::kTooManyBytes) {
    return ServerFull(*group.lanes, call.worker);
  }
  return refusals::ShareOfServerFull(
      call.worker, {.in_session = call.in_session, .held = call.party_held()},
      Bounds(credit_), group.lanes->DrainTime(group.worker));
}

Answer FrontDoor::ServerFull(const Lanes& lanes, int worker) const {
  return refusals::ServerFull(worker, Bounds(credit_), lanes.DrainTime(worker));
}

// In the order of EnterAll().
std::optional<Answer> FrontDoor::Foretell(const Lanes& lanes, int worker,
                                          int64_t request_bytes) const {
  if (inside_.closed()) return refusals::ServerStopping();
  if (credit_.Foretell(1, request_bytes) != Credit::Grant::kGranted) {
    return ServerFull(lanes, worker);
  }
  Lanes::ImaginedCall call = {.request_bytes = request_bytes};
  const LiveSpan::Span timeout = default_timeout_.Get();
  if (timeout != LiveSpan::kForever) call.timeout = timeout;
  return lanes.Foretell(worker, call);
}

}  // namespace pinion
