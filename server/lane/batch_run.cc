// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/batch_run.h"

#include <google/protobuf/message.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "pinion/core/tally.h"
#include "pinion/core/worker.h"
#include "pinion/proto/wire/key_reader.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/call_context.h"
#include "pinion/server/hosted_service.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/internal/handler_answer.h"
#include "pinion/server/internal/held_call.h"
#include "pinion/server/lane/release_condition.h"
#include "pinion/server/lane/running_calls.h"
#include "pinion/server/log.h"
#include "pinion/server/log/server_log.h"
#include "pinion/server/shard/hops.h"
#include "pinion/server/shard/running_work.h"
#include "pinion/server/slot.h"
#include "pinion/server/tracing/tracer.h"

namespace pinion {

void BatchRun::Run() {
  lane_.worker_thread.Assert();
  wake_ = LastWake();
  if (lane_.observer != nullptr) lane_.observer->BeginBatch(time_.last());
  const int worker = lane_.worker;
  RoutedCall* call = calls_.Pop<RoutedCall>();
  while (call != nullptr) {
    if (shared_.hops.waiting(worker)) shared_.hops.Run(worker);
    if (call->method().handler.one) {
      RunOne(*call);
      call = calls_.Pop<RoutedCall>();
    } else {
      call = RunGroup(*call);
    }
  }
  if (its_.messages != nullptr) its_.messages->FreeIfLarge();
  if (ran_ && shared_.service.ends_batches()) EndBatch();
  if (holds_) ReleaseAnswers();
  lane_.answers.Close();
}

void BatchRun::UseOther(const ServedMethod& served) {
  const HostedMethod& method = served.method;
  if (its_.messages != nullptr) its_.messages->FreeIfLarge();
  std::unique_ptr<CallMessages>& messages = lane_.messages[method.index];
  if (messages == nullptr && method.handler.one) {
    messages = method.handler.one.make_messages();
  }
  its_ = {.served = &served,
          .messages = messages.get(),
          .largest = &shared_.largest_answers[method.index],
          .latencies = &lane_.latencies.Of(method.index),
          .account = shared_.account.MineOf(lane_.worker, method.index)};
}

std::optional<Answer> BatchRun::ReserveAnswer(const RoutedCall& call,
                                              bool with_others,
                                              AnswerRoom& room) {
  if (call.method().handler.streams) return std::nullopt;
  room = AnswerRoom(call.credit(), call.party_held(), *its_.largest);
  const int64_t bytes =
      with_others ? its_.largest->expected_of_each() : its_.largest->expected();
  const Credit::Grant grant = room.Reserve(bytes);
  if (ABSL_PREDICT_TRUE(grant == Credit::Grant::kGranted)) return std::nullopt;
  const Credit& credit = call.credit();
  const refusals::Bound held = {.held = credit.bytes(),
                                .max = credit.max_bytes()};
  const std::chrono::nanoseconds retry_after = lane_.DrainTime();
  if (grant == Credit::Grant::kTooManyBytes) {
    return refusals::NoRoomForAnswer(call.worker, bytes, held, retry_after);
  }
  return refusals::NoShareForAnswer(
      call.worker, {.in_session = call.in_session, .held = call.party_held()},
      bytes, held, retry_after);
}

bool BatchRun::ClaimTraced(RoutedCall& call, Moment now) {
  if (ABSL_PREDICT_FALSE(call.traced)) {
    int slot = -1;
    if (const std::optional<KeyReader>& key = call.method().key) {
      // It was read when the call was routed, so it can be read.
      const uint64_t seed = shared_.hops.owners().key_seed();
      slot = SlotOf(key->Read(call.request())->Hash(seed));
    }
    call.trace()->NoteClaim(now, slot);
  }
  return Claim(call, now);
}

void BatchRun::LetGo(RoutedCall& call) {
  if (call.fate.WorkerIsDone()) lane_.ReturnPlace(call);
  call.Unref();
}

void BatchRun::RefuseClaimed(RoutedCall& call, Answer refusal, Moment now) {
  AnswerAndUnref({.call = &call,
                  .times = {.claimed = now, .ended = now},
                  .batch = 1,
                  .answer = std::move(refusal),
                  .room = {}});
}

BatchRun::Handled BatchRun::Handle(RoutedCall& call, Moment now,
                                   CallContext& context) {
  ran_ = true;
  const OneCallHandler& handler = call.method().handler.one;
  Handled handled;
  shared_.running.Begin(lane_.worker, &call, now);
  handled.parsed = its_.messages->Parse(call.request());
  if (ABSL_PREDICT_TRUE(handled.parsed)) {
    handled.status = handler.run(handler.handler.get(), lane_.shard.get(),
                                 *its_.messages, context, handled.threw);
  }
  shared_.running.End(lane_.worker);
  handled.times = {.claimed = now, .ended = time_.Now()};
  lane_.speed.Learn(call.accepted, now, handled.times.ended);
  Record(call, handled.times);
  if (IsObserved(call, handled.times)) Observe(call, handled);
  return handled;
}

bool BatchRun::AnswerInBuffer(RoutedCall& call, AnswerBuffer& buffer) {
  const google::protobuf::Message& response = its_.messages->base_response();
  const size_t size = response.ByteSizeLong();
  const auto most = static_cast<size_t>(shared_.options.max_response_bytes);
  if (!buffer.HasRoomFor(size) || size + RoutedCall::kMaxBesidePayload > most) {
    return false;
  }
  its_.messages->NoteResponse(size);
  its_.largest->Learn(static_cast<int64_t>(size), time_.last());
  response.SerializeWithCachedSizesToArray(buffer.Add(call, size));
  if (!holds_) {
    buffer.Release([this](RoutedCall& its) {
      return lane_.FinishBuffered(its, its_.account);
    });
  }
  return true;
}

void BatchRun::RunBuffered(RoutedCall& call, Moment now, AnswerBuffer& buffer) {
  if (ABSL_PREDICT_FALSE(!Claim(call, now))) return LetGo(call);
  CallContext context(call, shared_.clock, &shared_.hops, &lane_.credit);
  Handled handled = Handle(call, now, context);
  if (ABSL_PREDICT_TRUE(handled.parsed && handled.status.ok() &&
                        context.trailing().empty() &&
                        AnswerInBuffer(call, buffer))) {
    return;
  }
  // It has no room of its own yet.
  AnswerAlone(call, std::move(handled), context,
              AnswerRoom(call.credit(), call.party_held(), *its_.largest));
}

void BatchRun::RunAlone(RoutedCall& call, Moment now) {
  AnswerRoom room;
  std::optional<Answer> refusal =
      ReserveAnswer(call, /*with_others=*/false, room);
  if (!ClaimTraced(call, now)) {
    room = {};  // As long as the call is surely there.
    return LetGo(call);
  }
  if (refusal.has_value()) return RefuseClaimed(call, *std::move(refusal), now);
  CallContext context(call, shared_.clock, &shared_.hops, &lane_.credit);
  Handled handled = Handle(call, now, context);
  AnswerAlone(call, std::move(handled), context, std::move(room));
}

void BatchRun::RunOne(RoutedCall& call) {
  Tally& left = lane_.left[static_cast<size_t>(call.task_class)];
  Use(call);
  // Not the end of the call before: the thread may have lost its CPU since, and
  // what expired meanwhile must not be run.
  const Moment now = time_.Now();
  if (AnswerBuffer* const buffer = BufferFor(call)) {
    RunBuffered(call, now, *buffer);
  } else {
    RunAlone(call, now);
  }
  left.Add(1);
}

void BatchRun::AnswerAlone(RoutedCall& call, Handled&& handled,
                           CallContext& context, AnswerRoom room) {
  Answer answer =
      handled.parsed
          ? HandlerAnswer(std::move(handled.status),
                          its_.messages->base_response(), handled.threw)
          : refusals::CannotDecode(call.request().size(),
                                   its_.messages->request_name());
  if (handled.threw) lane_.TellThrown(call, answer.status.message());
  if (!context.trailing().empty()) {
    answer.MakeExtras().trailing = context.TakeTrailing();
  }
  its_.messages->NoteResponse(answer.payload.size());
  AnswerOrAwaitBatch({.call = &call,
                      .times = handled.times,
                      .batch = size_,
                      .answer = std::move(answer),
                      .room = std::move(room)});
}

RoutedCall* BatchRun::RunGroup(RoutedCall& first) {
  const HostedMethod& method = first.method();
  Use(first);
  Tally& left = lane_.left[static_cast<size_t>(first.task_class)];
  const Moment now = time_.Now();
  size_t taken = 0;
  RoutedCall* next = &first;
  while (next != nullptr && next->served == first.served &&
         AddToGroup(*next, now)) {
    next =
        ++taken < method.handler.max_held ? calls_.Pop<RoutedCall>() : nullptr;
  }
  if (!lane_.group.empty()) RunHandlerOfGroup(method, now);
  left.Add(taken);
  return next != nullptr ? next : calls_.Pop<RoutedCall>();
}

bool BatchRun::AddToGroup(RoutedCall& call, Moment now) {
  AnswerRoom room;
  std::optional<Answer> no_room =
      ReserveAnswer(call, /*with_others=*/!lane_.group.empty(), room);
  // Those before it may answer with less than was reserved for them.
  if (no_room.has_value() && !lane_.group.empty()) return false;
  if (!ClaimTraced(call, now)) {
    room = {};  // As long as the call is surely there.
    LetGo(call);
    return true;
  }
  if (no_room.has_value()) {
    RefuseClaimed(call, *std::move(no_room), now);
    return true;
  }
  HeldCall* held = call.method().handler.hold(
      call,
      {.clock = shared_.clock, .hops = shared_.hops, .credit = lane_.credit});
  held->claimed = now;
  std::optional<Answer> refusal = held->Parse(call.request());
  if (!refusal.has_value()) {
    held->room = std::move(room);
    lane_.group.push_back(held);
    return true;
  }
  // No handler sees it, so there is nothing to wait for.
  const RunTimes times = {.claimed = now, .ended = now};
  Record(call, times);
  EndedCall ended = {.call = &call,
                     .times = times,
                     .batch = 1,
                     .answer = *std::move(refusal),
                     .room = std::move(room)};
  ended.room.Fit(ended.answer, ended.times.ended);
  lane_.AnswerUnlessRevoked(std::move(ended));
  delete held;
  return true;
}

void BatchRun::RunHandlerOfGroup(const HostedMethod& method, Moment now) {
  ran_ = true;
  const RoutedCall& first = lane_.group.front()->call();
  const Moment accepted = first.accepted;
  shared_.running.Begin(first.worker, &first, now);
  const absl::Status thrown =
      method.handler.run_held(lane_.shard.get(), lane_.group);
  shared_.running.End(lane_.worker);
  if (!thrown.ok()) {
    lane_.TellThrown(lane_.group.front()->call(), thrown.message());
  }
  const size_t size = lane_.group.size();
  const RunTimes times = {.claimed = now, .ended = time_.Now()};
  lane_.speed.Learn(accepted, times.claimed, times.ended, size);
  for (HeldCall* held : lane_.group) {
    Record(held->call(), times);
    if (IsObserved(held->call(), times)) ObserveHeld(*held, times, thrown);
    held->batch = size;
    if (method.handler.streams && !held->finished()) {
      lane_.LeaveOpen(held);
      continue;
    }
    if (lane_.held->Hold(*held)) continue;
    held->call().AddRef();  // For the answer, beyond `held`.
    AnswerOrAwaitBatch({.call = &held->call(),
                        .times = times,
                        .batch = size,
                        .answer = held->TakeAnswer(thrown),
                        .room = std::move(held->room)});
    delete held;
  }
  lane_.group.clear();
}

void BatchRun::Observe(const RoutedCall& call, const Handled& handled) {
  lane_.observer->Note(
      call, {.claimed = handled.times.claimed,
             .ended = handled.times.ended,
             .batch = size_,
             .code = handled.parsed ? handled.status.code()
                                    : absl::StatusCode::kInvalidArgument});
}

void BatchRun::ObserveHeld(HeldCall& held, const RunTimes& times,
                           const absl::Status& thrown) {
  const bool finished = held.finished();
  lane_.observer->Note(held.call(), {.claimed = times.claimed,
                                     .ended = times.ended,
                                     .batch = lane_.group.size(),
                                     .shared_by = lane_.group.size(),
                                     .code = finished ? held.AnswerCode(thrown)
                                                      : absl::StatusCode::kOk,
                                     .kept = !finished});
}

void BatchRun::AnswerOrAwaitBatch(EndedCall ended) {
  ended.room.Fit(ended.answer, ended.times.ended);
  if (holds_) return lane_.ended.push_back(std::move(ended));
  AnswerAndUnref(std::move(ended));
}

void BatchRun::AnswerAndUnref(EndedCall&& ended) {
  RoutedCall& call = *ended.call;
  if (call.in_session) lane_.answers.BreakOff(call);
  lane_.AnswerUnlessRevoked(std::move(ended));
  call.Unref();
}

void BatchRun::EndBatch() {
  const int worker = lane_.worker;
  absl::Status status;
  bool threw = false;
  const RoutedCall* const call = lane_.ended.empty() ? lane_.answers.FirstHeld()
                                                     : lane_.ended.front().call;
  if (call == nullptr) {
    const RunningWork::Scope scope(shared_.running.work(), worker,
                                   shared_.end_of_batch, shared_.clock.Now());
    status = shared_.service.EndBatch(lane_.shard.get(), threw);
  } else {
    shared_.running.Begin(worker, call, shared_.clock.Now());
    status = shared_.service.EndBatch(lane_.shard.get(), threw);
    shared_.running.End(worker);
  }
  if (threw) {
    Log(shared_.options.log, {.level = LogLevel::kError,
                              .area = LogArea::kLane,
                              .event = "batch_end_threw",
                              .worker = worker,
                              .method = shared_.service.name(),
                              .message = std::string(status.message())});
  }
  if (!status.ok()) FailBatch(status);
}

void BatchRun::FailBatch(const absl::Status& status) {
  const Moment now = shared_.clock.Now();
  for (EndedCall& ended : lane_.ended) {
    ended.answer = refusals::HandlerFailed(status);
    ended.room.Fit(ended.answer, now);
  }
  std::vector<RoutedCall*> dropped;
  lane_.answers.Drop([&](RoutedCall& call) { dropped.push_back(&call); });
  for (RoutedCall* call : dropped) {
    lane_.ended.push_back({.call = call,
                           .times = {.claimed = now, .ended = now},
                           .batch = size_,
                           .answer = refusals::HandlerFailed(status),
                           .room = {}});
  }
}

void BatchRun::ReleaseAnswers() {
  const auto finish = [this](RoutedCall& call) {
    Account::Mine account =
        shared_.account.MineOf(lane_.worker, call.method().index);
    return lane_.FinishBuffered(call, account);
  };
  const uint64_t until =
      shared_.options.release == nullptr
          ? 0
          : shared_.options.release->AfterBatch(lane_.worker);
  if (until > 0) {
    lane_.held_batches.push_back({.until = until,
                                  .buffers = lane_.answers.TakeHolding(),
                                  .ended = std::exchange(lane_.ended, {})});
    return;
  }
  lane_.answers.Release(finish);
  if (lane_.ended.empty()) return;
  const Moment now = shared_.clock.Now();
  for (EndedCall& ended : lane_.ended) {
    ended.times.ended = now;
    AnswerAndUnref(std::move(ended));
  }
  lane_.ended.clear();
}

Latencies::Wake BatchRun::LastWake() const {
  const WakeTimes wake = Worker::Current()->last_wake();
  // The same moment on both clocks.
  const Moment now = shared_.clock.Now();
  if (wake.awake == 0) return {.asked = now, .woke = now};  // It never slept.
  const uint64_t ticks = shared_.clock.Ticks();
  const auto ago = [&](uint64_t then) {
    return std::chrono::nanoseconds(shared_.clock.TicksToNanos(ticks - then));
  };
  return {.asked = now + -ago(wake.asked), .woke = now + -ago(wake.awake)};
}

}  // namespace pinion
