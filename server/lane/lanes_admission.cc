// SPDX-License-Identifier: Apache-2.0
//
// How lanes let calls in, or refuse them.
#include <utility>

#include "pinion/core/base/check.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/lane/lanes.h"

namespace pinion {
namespace {

using std::chrono::nanoseconds;

// A call is let in if what is expected to happen before its end takes no more
// than this part of its time. The rest is for what cannot be expected: with
// none, a lane at its limit would finish each call just about at its deadline,
// and half of them just after it.
constexpr int kExpectedParts = 4;
constexpr int kAllParts = 5;

// Whether what is expected to take so long may begin with so much time left.
// Without a division, since each call with a deadline is asked.
bool IsEarlyEnough(nanoseconds expected, nanoseconds left) {
  static_assert(kAllParts == kExpectedParts + 1);
  return expected + expected / kExpectedParts <= left;
}

// For a lane that is full of calls which their handlers hold: nobody knows when
// these are finished, and to ask more often costs more than it finds.
constexpr nanoseconds kHeldRetryAfter = std::chrono::milliseconds(100);

refusals::LaneName NameOf(int worker, const HostedService& service) {
  return {.worker = worker, .service = service.name()};
}

}  // namespace

std::optional<Answer> Lanes::Admit(int worker, RoutedCall* call) {
  std::optional<Answer> result;
  AdmitAll(worker, absl::MakeConstSpan(&call, 1),
           [&](RoutedCall&, Answer refusal) { result = std::move(refusal); });
  return result;
}

void Lanes::AdmitAll(int worker, absl::Span<RoutedCall* const> calls,
                     absl::FunctionRef<void(RoutedCall&, Answer)> refuse) {
  Lane& lane = At(worker);
  const TaskClass task_class = calls[0]->task_class;
  const Moment now = clock_.Now();
  bool idle = lane.CallsUpTo(TaskClass::kBulk) == 0;
  if (idle) lane.speed.Resume(now);
  nanoseconds before = lane.TimeBefore(task_class, now);
  const nanoseconds per_call = lane.speed.per_call();
  int64_t bytes = 0;
  for (RoutedCall* call : calls) {
    call->worker = worker;
    call->accepted = now;
    bytes += static_cast<int64_t>(call->request().size());
  }
  Holding* const party = lane.PartyHeld(*calls[0]);
  // One by one where there is not room for all.
  const bool all = lane.credit.Reserve(static_cast<int64_t>(calls.size()),
                                       bytes, party) == Credit::Grant::kGranted;
  WorkChain admitted;
  const ServedMethod* served = nullptr;
  Account::Mine account;  // Of that method.
  for (RoutedCall* call : calls) {
    if (all && !call->method().handler.streams) {
      // It has its place.
    } else if (auto refusal = ReservePlaces(lane, *call, /*has_place=*/all)) {
      refuse(*call, *std::move(refusal));
      continue;
    }
    // An idle lane lets in what comes first: how else would it learn that it
    // has become quicker?
    if (!std::exchange(idle, false)) {
      if (auto refusal = RefuseIfTooLate(*call, before, per_call)) {
        lane.ReturnPlace(*call);
        lane.CloseStream(*call);
        refuse(*call, *std::move(refusal));
        continue;
      }
    }
    before += per_call;
    call->admitted = true;
    call->AddRef();  // The lane's.
    if (call->served != served) {
      served = call->served;
      account = account_.MineOf(worker, call->method().index);
    }
    account.Count(Account::Event::kAccepted);
    admitted.Push(call);
  }
  Append(lane, worker, task_class, admitted);
}

std::optional<Answer> Lanes::ReservePlaces(Lane& lane, const RoutedCall& call,
                                           bool has_place) {
  if (!has_place) {
    const Credit::Grant grant = lane.credit.Reserve(
        1, static_cast<int64_t>(call.request().size()), lane.PartyHeld(call));
    if (grant != Credit::Grant::kGranted) return Full(grant, call);
  }
  if (!call.method().handler.streams) return std::nullopt;
  const Credit::Grant grant =
      lane.streams.Reserve(1, 0, lane.PartyStreams(call));
  if (grant == Credit::Grant::kGranted) return std::nullopt;
  lane.ReturnPlace(call);
  return TooManyStreams(grant, call);
}

void Lanes::Append(Lane& lane, int worker, TaskClass task_class,
                   WorkChain& calls) {
  if (calls.empty()) return;
  // Counted as accepted before they can be answered, so that no answer is seen
  // without it.
  lane.entered[static_cast<size_t>(task_class)].fetch_add(
      calls.size(), std::memory_order_relaxed);
  const Appended appended =
      lists_[static_cast<size_t>(task_class)]->Add(worker, calls);
  PINION_CHECK(Accepted(appended), "a lane was closed with its door open");
}

std::optional<Answer> Lanes::RefuseIfTooLate(const RoutedCall& call,
                                             nanoseconds before,
                                             nanoseconds per_call) const {
  if (!call.deadline.has_value()) return std::nullopt;
  const nanoseconds expected = before + per_call;
  const nanoseconds left = *call.deadline - call.accepted;
  if (IsEarlyEnough(expected, left)) return std::nullopt;
  return TooLate(call.worker, call.accepted, left, expected);
}

Answer Lanes::TooLate(int worker, Moment now, nanoseconds left,
                      nanoseconds expected) const {
  const nanoseconds age = running_.Age(worker, now);
  const refusals::Wait wait = {
      .lane = NameOf(worker, service_), .left = left, .expected = expected};
  const nanoseconds retry_after = expected - left / kAllParts * kExpectedParts;
  return age >= stall_after_.Get()
             ? refusals::LaneStalled(wait, age, retry_after)
             : refusals::WaitTooLong(wait, retry_after);
}

Answer Lanes::Full(Credit::Grant why, const RoutedCall& call) const {
  if (why == Credit::Grant::kShareOfCalls ||
      why == Credit::Grant::kShareOfBytes) {
    return refusals::ShareOfLaneFull(NameOf(call.worker, service_),
                                     {.in_session = call.in_session,
                                      .held = At(call.worker).PartyHeld(call)},
                                     DrainTime(call.worker));
  }
  return LaneFull(why, call.worker, call.request().size());
}

Answer Lanes::LaneFull(Credit::Grant why, int worker,
                       size_t request_bytes) const {
  const Lane& lane = At(worker);
  const Credit& credit = lane.credit;
  const nanoseconds retry_after = lane.CallsUpTo(TaskClass::kBulk) == 0
                                      ? kHeldRetryAfter
                                      : DrainTime(worker);
  if (why == Credit::Grant::kTooManyCalls) {
    return refusals::LaneFullOfCalls(
        NameOf(worker, service_),
        {.held = credit.calls(), .max = credit.max_calls()}, retry_after);
  }
  return refusals::LaneFullOfBytes(
      NameOf(worker, service_),
      {.held = credit.bytes(), .max = credit.max_bytes()}, request_bytes,
      retry_after);
}

// In the order of AdmitAll().
std::optional<Answer> Lanes::Foretell(int worker,
                                      const ImaginedCall& call) const {
  const Lane& lane = At(worker);
  const Credit::Grant grant = lane.credit.Foretell(1, call.request_bytes);
  if (grant != Credit::Grant::kGranted) {
    return LaneFull(grant, worker, static_cast<size_t>(call.request_bytes));
  }
  const bool idle = lane.CallsUpTo(TaskClass::kBulk) == 0;
  if (idle || !call.timeout.has_value()) return std::nullopt;
  const Moment now = clock_.Now();
  const nanoseconds expected =
      lane.TimeBefore(call.task_class, now) + lane.speed.per_call();
  if (IsEarlyEnough(expected, *call.timeout)) return std::nullopt;
  return TooLate(worker, now, *call.timeout, expected);
}

Lanes::Ahead Lanes::AheadOf(int worker, TaskClass task_class) const {
  const Lane& lane = At(worker);
  return {.calls = lane.CallsUpTo(task_class),
          .time = lane.TimeBefore(task_class, clock_.Now())};
}

void Lanes::SetMax(int64_t max_calls, int64_t max_bytes) {
  for (const auto& lane : lanes_) lane->credit.SetMax(max_calls, max_bytes);
}

Answer Lanes::TooManyStreams(Credit::Grant why, const RoutedCall& call) const {
  const Lane& lane = At(call.worker);
  const Credit& streams = lane.streams;
  if (why == Credit::Grant::kShareOfCalls) {
    return refusals::ShareOfStreamsFull(
        NameOf(call.worker, service_),
        {.in_session = call.in_session, .held = lane.PartyStreams(call)},
        kHeldRetryAfter);
  }
  return refusals::LaneFullOfStreams(
      NameOf(call.worker, service_),
      {.held = streams.calls(), .max = streams.max_calls()}, kHeldRetryAfter);
}

}  // namespace pinion
