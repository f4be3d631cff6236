// SPDX-License-Identifier: Apache-2.0
//
// How lanes run what they have let in, and answer it.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/call_context.h"
#include "server/lanes.h"

namespace pinion {
namespace {

using std::chrono::nanoseconds;

// The timing stays.
void MakeTooLarge(Answer& answer, size_t size, int64_t most) {
  Answer error =
      Failed(absl::ResourceExhaustedError(absl::StrCat(
                 "the response has ", size, " bytes, more than the ", most,
                 " that a message may have; ask for less at once")),
             v1::REASON_RESPONSE_TOO_LARGE, v1::EXECUTED_YES);
  if (answer.rest != nullptr) error.rest->timing = answer.rest->timing;
  answer = std::move(error);
}

// What answers `call` in the place of its handler.
Answer TakenAnswer(const RoutedCall& call, Verdict verdict, Fate::Was was) {
  const bool ran = was == Fate::Was::kRunning;
  const std::string where = absl::StrCat(
      ran ? "while its handler ran on worker " : "while it waited for worker ",
      call.worker,
      ran ? "; what the handler does is dropped" : "; no handler saw it");
  const v1::Executed executed = ran ? v1::EXECUTED_MAYBE : v1::EXECUTED_NO;
  Answer answer;
  switch (verdict) {
    case Verdict::kExpired:
      answer = Failed(absl::DeadlineExceededError(
                          absl::StrCat("the call's deadline passed ", where)),
                      v1::REASON_EXPIRED, executed);
      break;
    case Verdict::kCancelled:
      answer = Failed(
          absl::CancelledError(absl::StrCat("the call was cancelled ", where)),
          v1::REASON_CANCELLED, executed);
      break;
    case Verdict::kStopped:
      answer = Failed(absl::UnavailableError(absl::StrCat(
                          "the server had to answer the call to stop ", where)),
                      v1::REASON_STOPPING, executed);
      break;
  }
  answer.failure()->set_worker(call.worker);
  return answer;
}

}  // namespace

void Lanes::Take(RoutedCall& call, Verdict verdict) {
  const Fate::Was was = call.fate.Take(verdict);
  if (was == Fate::Was::kAnswered) return;
  account_.CountTaken(call.worker, call.method->index, verdict, was);
  if (call.fate.TakerIsDone()) ReturnPlace(At(call.worker), call);
  call.answer = TakenAnswer(call, verdict, was);
  call.Deliver();
}

void Lanes::Run(int worker, WorkBatch& calls) {
  Lane& lane = At(worker);
  lane.worker_thread.Assert();
  Batch batch = {.size = calls.size(), .wake = LastWake()};
  RoutedCall* call = calls.Pop<RoutedCall>();
  while (call != nullptr) {
    if (hops_.waiting(worker)) hops_.Run(worker);
    if (call->method->handler.run) {
      RunOne(lane, *call, batch);
      call = calls.Pop<RoutedCall>();
    } else {
      call = RunGroup(lane, *call, calls, batch);
    }
  }
  if (batch.ran && service_.ends_batches()) EndBatch(lane);
}

bool Lanes::Claim(Lane& lane, RoutedCall& call, Moment now) {
  // The expirer may be a little behind.
  if (call.deadline.has_value() && *call.deadline <= now) {
    Take(call, Verdict::kExpired);
  }
  if (!call.fate.Claim()) {
    if (call.fate.WorkerIsDone()) ReturnPlace(lane, call);
    call.Unref();
    return false;
  }
  account_.Count(call.worker, call.method->index, Account::Event::kClaimed);
  return true;
}

void Lanes::RunOne(Lane& lane, RoutedCall& call, Batch& batch) {
  Tally& left = lane.left[static_cast<size_t>(call.task_class)];
  // Not the end of the call before: the thread may have lost its CPU since, and
  // what expired meanwhile must not be run.
  const Moment now = clock_.Now();
  if (Claim(lane, call, now)) {
    batch.ran = true;
    running_.Begin(call.worker, &call, now);
    CallContext context(call, clock_, &hops_, &lane.credit);
    Answer answer =
        call.method->handler.run(lane.shard.get(), call.request(), context);
    running_.End(call.worker);
    if (!context.trailing().empty()) {
      answer.MakeRest().trailing = context.TakeTrailing();
    }
    const RunTimes times = {.claimed = now, .ended = clock_.Now()};
    lane.speed.Learn(call.accepted, times.claimed, times.ended);
    Record(lane, call, batch, times);
    End(lane, {.call = &call,
               .times = times,
               .batch = batch.size,
               .answer = std::move(answer)});
  }
  left.Add(1);
}

RoutedCall* Lanes::RunGroup(Lane& lane, RoutedCall& first, WorkBatch& calls,
                            Batch& batch) {
  const HostedMethod& method = *first.method;
  Tally& left = lane.left[static_cast<size_t>(first.task_class)];
  const Moment now = clock_.Now();
  size_t taken = 0;
  RoutedCall* next = &first;
  while (next != nullptr && next->method == &method) {
    AddToGroup(lane, *next, now, batch);
    next =
        ++taken < method.handler.most_held ? calls.Pop<RoutedCall>() : nullptr;
  }
  if (!lane.group.empty()) RunHandlerOfGroup(lane, method, now, batch);
  left.Add(taken);
  return next != nullptr ? next : calls.Pop<RoutedCall>();
}

void Lanes::AddToGroup(Lane& lane, RoutedCall& call, Moment now,
                       const Batch& batch) {
  if (!Claim(lane, call, now)) return;
  HeldCall* held = call.method->handler.hold(
      call, {.clock = clock_, .hops = hops_, .credit = lane.credit});
  held->claimed = now;
  std::optional<Answer> refusal = held->Parse(call.request());
  if (!refusal.has_value()) return lane.group.push_back(held);
  // No handler sees it, so there is nothing to wait for.
  const RunTimes times = {.claimed = now, .ended = now};
  Record(lane, call, batch, times);
  Finish(call, Complete({.call = &call,
                         .times = times,
                         .batch = 1,
                         .answer = *std::move(refusal)}));
  delete held;
}

void Lanes::RunHandlerOfGroup(Lane& lane, const HostedMethod& method,
                              Moment now, Batch& batch) {
  batch.ran = true;
  const RoutedCall& first = lane.group.front()->call();
  const Moment accepted = first.accepted;
  running_.Begin(first.worker, &first, now);
  const absl::Status thrown =
      method.handler.run_held(lane.shard.get(), lane.group);
  running_.End(lane.info.worker());
  const size_t size = lane.group.size();
  const RunTimes times = {.claimed = now, .ended = clock_.Now()};
  lane.speed.Learn(accepted, times.claimed, times.ended, size);
  for (HeldCall* held : lane.group) {
    Record(lane, held->call(), batch, times);
    held->batch = size;
    if (lane.held->Hold(*held)) continue;
    held->call().AddRef();  // For the answer, beyond `held`.
    End(lane, {.call = &held->call(),
               .times = times,
               .batch = size,
               .answer = held->TakeAnswer(thrown)});
    delete held;
  }
  lane.group.clear();
}

void Lanes::End(Lane& lane, EndedCall ended) {
  if (service_.ends_batches()) return lane.ended.push_back(std::move(ended));
  RoutedCall& call = *ended.call;
  Finish(call, Complete(std::move(ended)));
  call.Unref();
}

void Lanes::EndBatch(Lane& lane) {
  const int worker = lane.info.worker();
  if (!lane.ended.empty()) {
    running_.Begin(worker, lane.ended.front().call, clock_.Now());
  }
  const absl::Status status = service_.EndBatch(lane.shard.get());
  if (!lane.ended.empty()) running_.End(worker);
  const Moment now = clock_.Now();
  for (EndedCall& ended : lane.ended) {
    ended.times.ended = now;
    if (!status.ok()) {
      ended.answer = Failed(status, v1::REASON_HANDLER, v1::EXECUTED_YES);
    }
    RoutedCall& call = *ended.call;
    Finish(call, Complete(std::move(ended)));
    call.Unref();
  }
  lane.ended.clear();
}

void Lanes::EndHeld(HeldCall& held, Answer answer) {
  RoutedCall& call = held.call();
  Finish(call,
         Complete({.call = &call,
                   .times = {.claimed = held.claimed, .ended = clock_.Now()},
                   .batch = held.batch,
                   .answer = std::move(answer)}));
}

Answer Lanes::Complete(EndedCall ended) const {
  const RoutedCall* call = ended.call;
  const RunTimes& times = ended.times;
  Answer answer = std::move(ended.answer);
  if (call->wants_timing) {
    v1::Timing& timing = answer.MakeRest().timing.emplace();
    timing.set_worker(call->worker);
    timing.set_waited_ns((times.claimed - call->accepted).count());
    timing.set_ran_ns((times.ended - times.claimed).count());
    timing.set_batch(static_cast<uint32_t>(ended.batch));
  }
  const auto most = static_cast<size_t>(options_.max_response_bytes);
  if (answer.status.ok() &&
      (answer.rest != nullptr ||
       answer.payload.size() + RoutedCall::kMostBesidePayload > most)) {
    const size_t size = call->MessageSize(answer);
    if (size > most) MakeTooLarge(answer, size, options_.max_response_bytes);
  }
  if (!answer.status.ok()) answer.failure()->set_worker(call->worker);
  return answer;
}

void Lanes::Finish(RoutedCall& call, Answer answer) {
  Lane& lane = At(call.worker);
  if (!call.fate.Finish()) {
    account_.Count(call.worker, call.method->index, Account::Event::kLateEnd);
    if (call.fate.WorkerIsDone()) ReturnPlace(lane, call);
    return;
  }
  account_.Count(
      call.worker, call.method->index,
      answer.status.ok() ? Account::Event::kOk : Account::Event::kError);
  ReturnPlace(lane, call);
  call.answer = std::move(answer);
  call.ChargeAnswer();
  call.Deliver();
}

void Lanes::ReturnPlace(Lane& lane, const RoutedCall& call) {
  lane.credit.Return(1, static_cast<int64_t>(call.request().size()));
}

Lanes::Wake Lanes::LastWake() const {
  const WakeTimes wake = Worker::Current()->last_wake();
  // The same moment on both clocks.
  const Moment now = clock_.Now();
  if (wake.awake == 0) return {.asked = now, .woke = now};  // It never slept.
  const uint64_t ticks = clock_.Ticks();
  const auto ago = [&](uint64_t then) {
    return nanoseconds(clock_.TicksToNanos(ticks - then));
  };
  return {.asked = now + -ago(wake.asked), .woke = now + -ago(wake.awake)};
}

void Lanes::Record(Lane& lane, const RoutedCall& call, const Batch& batch,
                   const RunTimes& times) {
  std::atomic<Latencies*>& place = lane.latencies[call.method->index];
  Latencies* latencies = place.load(std::memory_order_relaxed);
  if (latencies == nullptr) {
    latencies = new Latencies;
    // Release, with the acquire in Snapshot().
    place.store(latencies, std::memory_order_release);
  }
  // A call that came when the worker was awake has nothing of the wake.
  const nanoseconds late =
      std::max(batch.wake.woke - std::max(call.accepted, batch.wake.asked),
               nanoseconds(0));
  latencies->woken_late.Record(late.count());
  latencies->waited.Record(
      std::max(times.claimed - call.accepted - late, nanoseconds(0)).count());
  latencies->ran.Record((times.ended - times.claimed).count());
}

}  // namespace pinion
