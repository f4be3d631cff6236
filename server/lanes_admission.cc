// SPDX-License-Identifier: Apache-2.0
//
// How lanes let calls in, or refuse them.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/check.h"
#include "server/lanes.h"

namespace pinion {
namespace {

using std::chrono::nanoseconds;

// A call is let in if what is expected to happen before its end takes no more
// than this part of its time. The rest is for what cannot be expected: with
// none, a lane at its limit would finish each call just about at its deadline,
// and half of them just after it.
constexpr int kExpectedParts = 4;
constexpr int kAllParts = 5;

// Advice of less than the first would have clients ask again before anything
// can have changed; after the second, what was measured says nothing any more.
constexpr nanoseconds kLeastRetryAfter = std::chrono::milliseconds(1);
constexpr nanoseconds kMostRetryAfter = std::chrono::seconds(30);

std::string Millis(nanoseconds span) {
  return absl::FormatDuration(
      absl::Trunc(absl::FromChrono(span), absl::Microseconds(100)));
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
  bool empty = lane.credit.calls() == 0;
  nanoseconds before = TimeBefore(lane, worker, task_class, now);
  int64_t bytes = 0;
  for (RoutedCall* call : calls) {
    call->worker = worker;
    call->accepted = now;
    bytes += static_cast<int64_t>(call->request().size());
  }
  // One by one where there is not room for all.
  const bool all = lane.credit.Reserve(static_cast<int64_t>(calls.size()),
                                       bytes) == Credit::Grant::kGranted;
  WorkChain admitted;
  for (RoutedCall* call : calls) {
    const auto size = static_cast<int64_t>(call->request().size());
    if (!all) {
      const Credit::Grant grant = lane.credit.Reserve(1, size);
      if (grant != Credit::Grant::kGranted) {
        refuse(*call, Full(grant, *call));
        continue;
      }
    }
    // An empty lane lets in what comes first.
    if (!std::exchange(empty, false)) {
      if (auto refusal = RefuseIfTooLate(lane, *call, before)) {
        lane.credit.Return(1, size);
        refuse(*call, *std::move(refusal));
        continue;
      }
    }
    before += lane.speed.per_call();
    call->AddRef();  // The lane's.
    account_.Count(worker, call->method->index, Account::Event::kAccepted);
    admitted.Push(call);
  }
  Append(lane, worker, task_class, admitted);
}

nanoseconds Lanes::DrainTime(int worker) const {
  return TimeBefore(At(worker), worker, TaskClass::kBulk, clock_.Now());
}

nanoseconds Lanes::TimeBefore(const Lane& lane, int worker,
                              TaskClass task_class, Moment now) const {
  if (lane.credit.calls() == 0) return nanoseconds(0);
  uint64_t calls = 0;
  for (int i = 0; i <= static_cast<int>(task_class); ++i) {
    const uint64_t left = lane.left[i].value();
    const uint64_t entered = lane.entered[i].load(std::memory_order_relaxed);
    calls += entered - std::min(entered, left);
  }
  return static_cast<int64_t>(calls) * lane.speed.per_call() +
         running_.Age(worker, now);
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

std::optional<Answer> Lanes::RefuseIfTooLate(const Lane& lane,
                                             const RoutedCall& call,
                                             nanoseconds before) const {
  if (!call.deadline.has_value()) return std::nullopt;
  const nanoseconds expected = before + lane.speed.per_call();
  const nanoseconds left = *call.deadline - call.accepted;
  const nanoseconds allowed = left / kAllParts * kExpectedParts;
  if (expected <= allowed) return std::nullopt;
  const nanoseconds age = running_.Age(call.worker, call.accepted);
  const bool stalled = age >= options_.stall_after;
  return Refusal(
      call, stalled ? v1::REASON_LANE_STALLED : v1::REASON_WAIT_TOO_LONG,
      absl::StrCat(
          "the call has ", Millis(left), " until its deadline, but worker ",
          call.worker, " is expected to take ", Millis(expected),
          " for calls of ", service_.name(), " up to this one",
          stalled ? absl::StrCat(", kept by a handler that has run for ",
                                 Millis(age))
                  : "",
          "; retry later or allow more time"),
      expected - allowed);
}

Answer Lanes::Full(Credit::Grant why, const RoutedCall& call) const {
  const Credit& credit = At(call.worker).credit;
  return Refusal(
      call, v1::REASON_LANE_FULL,
      why == Credit::Grant::kTooManyCalls
          ? absl::StrCat("worker ", call.worker, " already holds ",
                         credit.calls(), " calls of ", service_.name(),
                         ", of at most ", credit.most_calls(), "; retry later")
          : absl::StrCat("worker ", call.worker, " already holds ",
                         credit.bytes(), " bytes of calls of ", service_.name(),
                         " and cannot take ", call.request().size(),
                         " more, of at most ", credit.most_bytes(),
                         "; retry later"),
      DrainTime(call.worker));
}

Answer Lanes::Refusal(const RoutedCall& call, v1::Reason reason,
                      absl::string_view message,
                      nanoseconds retry_after) const {
  Answer answer =
      Failed(absl::ResourceExhaustedError(message), reason, v1::EXECUTED_NO);
  answer.failure()->set_worker(call.worker);
  answer.failure()->set_retry_after_us(
      absl::ToInt64Microseconds(absl::FromChrono(
          std::clamp(retry_after, kLeastRetryAfter, kMostRetryAfter))));
  return answer;
}

}  // namespace pinion
