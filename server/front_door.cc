// SPDX-License-Identifier: Apache-2.0
#include "server/front_door.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

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

// Kept by each thread from message to message, for its memory.
class FrontDoor::Parties {
 public:
  void Add(Lanes* lanes, int worker, RoutedCall* call) {
    Find(lanes, worker, call->task_class).calls.push_back(call);
  }
  absl::Span<const Party> all() const {
    return absl::MakeConstSpan(parties_.data(), size_);
  }
  void Clear() {
    for (size_t i = 0; i < size_; ++i) parties_[i].calls.clear();
    size_ = 0;
  }

 private:
  Party& Find(Lanes* lanes, int worker, TaskClass task_class) {
    for (size_t i = 0; i < size_; ++i) {
      Party& party = parties_[i];
      if (party.worker == worker && party.lanes == lanes &&
          party.task_class == task_class) {
        return party;
      }
    }
    if (size_ == parties_.size()) parties_.emplace_back();
    Party& party = parties_[size_++];
    party.lanes = lanes;
    party.worker = worker;
    party.task_class = task_class;
    return party;
  }

  std::vector<Party> parties_;
  size_t size_ = 0;  // Of them, those in use.
};

void FrontDoor::EnterAll(absl::Span<const Entrant> entrants,
                         absl::FunctionRef<void(RoutedCall&, Answer)> refuse) {
  const auto refuse_and_count = [&](Lanes& lanes, RoutedCall& call,
                                    Answer answer) {
    lanes.CountRefused(call, answer.failure()->reason());
    refuse(call, std::move(answer));
  };
  // One word, so that a call is either counted before the door closes, or sees
  // that it is closed.
  const auto count = static_cast<int64_t>(entrants.size());
  if (word_.fetch_add(count * kOne, std::memory_order_acq_rel) & kClosed) {
    Leave(count);
    for (const Entrant& entrant : entrants) {
      refuse_and_count(*entrant.lanes, *entrant.call, Stopping());
    }
    return;
  }
  thread_local Parties parties;
  for (const Entrant& entrant : entrants) {
    entrant.call->inside = true;
    const absl::StatusOr<int> worker = Route(entrant);
    std::optional<Answer> refusal =
        worker.ok()
            ? Reserve(entrant, *worker)
            : Failed(worker.status(), v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
    if (refusal.has_value()) {
      refuse_and_count(*entrant.lanes, *entrant.call, *std::move(refusal));
    } else {
      parties.Add(entrant.lanes, *worker, entrant.call);
    }
  }
  for (const Party& party : parties.all()) {
    party.lanes->AdmitAll(
        party.worker, party.calls, [&](RoutedCall& call, Answer refusal) {
          call.ReturnCredit();
          refuse_and_count(*party.lanes, call, std::move(refusal));
        });
  }
  parties.Clear();
}

std::optional<Answer> FrontDoor::Enter(Lanes& lanes, const Wishes& wishes,
                                       RoutedCall* call) {
  std::optional<Answer> result;
  const Entrant entrant = {.call = call, .lanes = &lanes, .wishes = wishes};
  EnterAll(absl::MakeConstSpan(&entrant, 1),
           [&](RoutedCall&, Answer refusal) { result = std::move(refusal); });
  return result;
}

absl::StatusOr<int> FrontDoor::Route(const Entrant& entrant) const {
  const auto& [call, lanes, wishes] = entrant;
  call->task_class = call->method->task_class;
  if (wishes.priority.has_value()) {
    const absl::StatusOr<TaskClass> task_class =
        ClassOf(call->task_class, *wishes.priority);
    if (!task_class.ok()) return task_class.status();
    call->task_class = *task_class;
  }
  if (!call->deadline.has_value() && options_.default_timeout.has_value()) {
    call->deadline = clock_.Now() + *options_.default_timeout;
  }
  return router_.Route(*call->method, call->request(), wishes.worker, *lanes);
}

std::optional<Answer> FrontDoor::Reserve(const Entrant& entrant, int worker) {
  RoutedCall& call = *entrant.call;
  call.worker = worker;
  const auto bytes = static_cast<int64_t>(call.request().size());
  if (credit_.Reserve(1, bytes) == Credit::Grant::kGranted) {
    // The call's, before others see it: given back when it is gone.
    call.HoldCredit();
    return std::nullopt;
  }
  return entrant.lanes->Refusal(
      call, v1::REASON_SERVER_FULL,
      absl::StrCat("the server already holds ", credit_.calls(), " calls with ",
                   credit_.bytes(), " bytes, of at most ", credit_.most_calls(),
                   " with ", credit_.most_bytes(), "; retry later"),
      entrant.lanes->DrainTime(worker));
}

void FrontDoor::Leave(int64_t calls) {
  const uint64_t left = calls * kOne;
  const uint64_t before = word_.fetch_sub(left, std::memory_order_acq_rel);
  if (before != kClosed + left) return;
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

void FrontDoor::Close() { word_.fetch_or(kClosed, std::memory_order_acq_rel); }

bool FrontDoor::AwaitEmpty(absl::Duration timeout) {
  const auto deadline =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
  MutexLock lock(mutex_);
  while (!Empty() && !given_up_) {
    if (!changed_.WaitUntil(mutex_, deadline)) break;
  }
  return Empty();
}

void FrontDoor::GiveUpWaiting() {
  MutexLock lock(mutex_);
  given_up_ = true;
  changed_.NotifyAll();
}

}  // namespace pinion
