// SPDX-License-Identifier: Apache-2.0
#include "server/front_door.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace pinion {
namespace {

Answer Stopping() {
  return Failed(absl::UnavailableError("the server is stopping; call another"),
                v1::REASON_STOPPING, v1::EXECUTED_NO);
}

// The class of a call whose method has `most`, if it asks for `asked`.
absl::StatusOr<TaskClass> ClassOf(TaskClass most, absl::string_view asked) {
  constexpr absl::string_view kNames[] = {"urgent", "normal", "bulk"};
  for (int i = 0; i < kTaskClasses; ++i) {
    if (asked == kNames[i]) return std::max(most, static_cast<TaskClass>(i));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "pinion-priority is \"", absl::CHexEscape(asked.substr(0, 32)),
      "\"; valid are urgent, normal and bulk"));
}

}  // namespace

std::optional<Answer> FrontDoor::Enter(Lanes& lanes, const Wishes& wishes,
                                       Call* call) {
  std::optional<Answer> refusal;
  // One word, so that a call is either counted before the door closes, or sees
  // that it is closed.
  if (word_.fetch_add(kOne, std::memory_order_acq_rel) & kClosed) {
    Leave();
    refusal = Stopping();
  } else {
    call->inside = true;
    refusal = Admit(lanes, wishes, call);
  }
  if (refusal.has_value()) {
    lanes.CountRefused(*call, refusal->failure->reason());
  }
  return refusal;
}

std::optional<Answer> FrontDoor::Admit(Lanes& lanes, const Wishes& wishes,
                                       Call* call) {
  int worker;
  const absl::Status routed = Route(lanes, wishes, call, &worker);
  if (!routed.ok()) {
    return Failed(routed, v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
  }
  if (!call->deadline.has_value() && options_.default_timeout.has_value()) {
    call->deadline = clock_.Now() + *options_.default_timeout;
  }
  const auto bytes = static_cast<int64_t>(call->request.size());
  if (credit_.Reserve(1, bytes) != Credit::Grant::kGranted) {
    call->worker = worker;
    return lanes.Refusal(
        *call, v1::REASON_SERVER_FULL,
        absl::StrCat("the server already holds ", credit_.calls(),
                     " calls with ", credit_.bytes(), " bytes, of at most ",
                     credit_.most_calls(), " with ", credit_.most_bytes(),
                     "; retry later"),
        lanes.DrainTime(worker));
  }
  // The call's, before others see it: given back when it is gone.
  call->HoldCredit(&credit_, bytes);
  std::optional<Answer> refusal = lanes.Admit(worker, call);
  if (refusal.has_value()) call->ReturnCredit();
  return refusal;
}

absl::Status FrontDoor::Route(const Lanes& lanes, const Wishes& wishes,
                              Call* call, int* worker) const {
  call->task_class = call->method->task_class;
  if (wishes.priority.has_value()) {
    const absl::StatusOr<TaskClass> task_class =
        ClassOf(call->task_class, *wishes.priority);
    if (!task_class.ok()) return task_class.status();
    call->task_class = *task_class;
  }
  const absl::StatusOr<int> routed =
      router_.Route(*call->method, call->request, wishes.worker, lanes);
  if (!routed.ok()) return routed.status();
  *worker = *routed;
  return absl::OkStatus();
}

void FrontDoor::Leave() {
  const uint64_t before = word_.fetch_sub(kOne, std::memory_order_acq_rel);
  if (before != kClosed + kOne) return;
  absl::MutexLock lock(&mutex_);
  changed_.SignalAll();
}

void FrontDoor::Close() { word_.fetch_or(kClosed, std::memory_order_acq_rel); }

bool FrontDoor::AwaitEmpty(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mutex_);
  while (!Empty() && !given_up_) {
    if (changed_.WaitWithDeadline(&mutex_, deadline)) break;
  }
  return Empty();
}

void FrontDoor::GiveUpWaiting() {
  absl::MutexLock lock(&mutex_);
  given_up_ = true;
  changed_.SignalAll();
}

}  // namespace pinion
