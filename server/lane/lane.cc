// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/lane.h"

#include <optional>
#include <utility>

#include "absl/base/optimization.h"
#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/session_answer.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/call_context.h"
#include "pinion/server/hosted_service.h"
#include "pinion/server/log.h"
#include "pinion/server/log/server_log.h"
#include "pinion/server/observe/observation.h"
#include "pinion/server/tracing/tracer.h"

namespace pinion {
namespace {

LaneObserver* ObserverOf(const SharedByLanes& shared, int worker) {
  Observation* const observation = shared.options.observation;
  if (observation == nullptr) return nullptr;
  return observation->AddLane(shared.service.name(), worker);
}

// What answers `call` in the place of its handler.
Answer RevokedAnswer(const RoutedCall& call, RevokeReason reason,
                     Fate::Was was) {
  const int worker = call.worker;
  const bool waited = was == Fate::Was::kWaiting;
  switch (reason) {
    case RevokeReason::kExpired:
      return waited ? refusals::ExpiredWaiting(worker)
                    : refusals::ExpiredRunning(worker, was);
    case RevokeReason::kCancelled:
      return waited ? refusals::CancelledWaiting(worker)
                    : refusals::CancelledRunning(worker, was);
    case RevokeReason::kNotAllowed:
      return waited ? refusals::NotAllowed()
                    : refusals::NotAllowedAnyMore(worker, was);
    case RevokeReason::kUnauthenticated:
      return waited ? refusals::TokenOverWaiting(worker)
                    : refusals::TokenOverRunning(worker, was);
    case RevokeReason::kStopped:
      break;
  }
  return waited ? refusals::StoppedWaiting(worker)
                : refusals::StoppedRunning(worker, was);
}

// What a revoked call's span says of it.
absl::string_view OutcomeOf(RevokeReason reason) {
  switch (reason) {
    case RevokeReason::kExpired:
      return "expired";
    case RevokeReason::kCancelled:
      return "cancelled";
    case RevokeReason::kNotAllowed:
      return "not_allowed";
    case RevokeReason::kUnauthenticated:
      return "unauthenticated";
    case RevokeReason::kStopped:
      break;
  }
  return "stopped";
}

// Ends the span of a traced call that is answered now.
void EndSpan(const RoutedCall& call, const absl::Status& status,
             const EndedCall& ended) {
  call.trace()->End({.path = call.method().path,
                     .in_session = call.in_session,
                     .worker = call.worker,
                     .accepted = call.accepted,
                     .claimed = true,
                     .ran_until = ended.times.ended,
                     .batch = static_cast<uint32_t>(ended.batch),
                     .code = static_cast<int>(status.code()),
                     .outcome = "answered"});
}

}  // namespace

Lane::Lane(const SharedByLanes& shared, Scheduler& scheduler, int worker)
    : shared(shared),
      worker(worker),
      index(shared.options.first_lane + static_cast<size_t>(worker)),
      credit(shared.options.max_calls, shared.options.max_bytes),
      streams(shared.options.max_streams, /*max_bytes=*/1),
      next_told_kept(shared.options.max_streams),
      held(std::make_shared<HeldCalls>(
          static_cast<HeldCalls::Answerer&>(*this))),
      latencies(shared.service.methods().size()),
      background_work(scheduler, worker, shared.service.name(),
                      shared.running.work(), shared.options.log),
      info(worker, scheduler.clock(),
           static_cast<int64_t>(LargestPayload(
               static_cast<size_t>(shared.options.max_response_bytes))),
           background_work, shared.hops),
      observer(ObserverOf(shared, worker)),
      messages(shared.service.methods().size()) {}

void Lane::Revoke(RoutedCall& call, RevokeReason reason) {
  const Fate::Was was = call.fate.Revoke(reason);
  if (was == Fate::Was::kAnswered) return;
  shared.account.CountRevoked(call.worker, call.method().index, reason, was);
  CloseStream(call);
  if (was == Fate::Was::kHeld) {
    KeepStream();
  } else if (call.fate.RevokerIsDone()) {
    ReturnPlace(call);
  }
  call.answer = RevokedAnswer(call, reason, was);
  if (ABSL_PREDICT_FALSE(call.traced)) {
    call.trace()->End({.path = call.method().path,
                       .in_session = call.in_session,
                       .worker = call.worker,
                       .accepted = call.accepted,
                       .claimed = was != Fate::Was::kWaiting,
                       .code = static_cast<int>(call.answer.status.code()),
                       .outcome = OutcomeOf(reason)});
  }
  call.Deliver();
}

void Lane::AnswerUnlessRevoked(EndedCall ended_call) {
  ended_call.PrepareAnswer(shared.options.max_response_bytes);
  RoutedCall& call = *ended_call.call;
  const bool ran = call.fate.Finish();
  if (!ran && !call.fate.FinishHeld()) return DropLateResult(call);
  if (ended_call.answer.status.ok()) {
    shared.account.Count(call.worker, call.method().index, Account::Event::kOk);
  } else {
    shared.account.CountError(call.worker, call.method().index,
                              ended_call.answer.status.code());
  }
  if (ran) ReturnPlace(call);
  CloseStream(call);
  if (ABSL_PREDICT_FALSE(call.traced)) {
    EndSpan(call, ended_call.answer.status, ended_call);
  }
  call.answer = std::move(ended_call.answer);
  call.HoldAnswer(ended_call.room.Release());
  call.Deliver();
}

bool Lane::DropBuffered(RoutedCall& call) {
  DropLateResult(call);
  call.Unref();
  return false;
}

void Lane::ReleaseHeld(uint64_t reached) {
  while (!held_batches.empty() && held_batches.front().until <= reached) {
    HeldBatch batch = std::move(held_batches.front());
    held_batches.pop_front();
    for (AnswerBuffer* buffer : batch.buffers) {
      buffer->Release([this](RoutedCall& call) {
        Account::Mine account =
            shared.account.MineOf(worker, call.method().index);
        return FinishBuffered(call, account);
      });
      buffer->Close();
    }
    for (EndedCall& ended_call : batch.ended) {
      RoutedCall& call = *ended_call.call;
      AnswerUnlessRevoked(std::move(ended_call));
      call.Unref();
    }
  }
}

void Lane::DropHeld() {
  for (HeldBatch& batch : std::exchange(held_batches, {})) {
    for (AnswerBuffer* buffer : batch.buffers) {
      buffer->Drop([this](RoutedCall& call) { DropBuffered(call); });
      buffer->Close();
    }
    for (EndedCall& ended_call : batch.ended) {
      ended_call.room = {};  // As long as the call is surely there.
      DropBuffered(*ended_call.call);
    }
  }
}

void Lane::AnswerHeld(HeldCall& held_call, Answer answer) {
  EndedCall ended_call = {
      .call = &held_call.call(),
      .times = {.claimed = held_call.claimed, .ended = shared.clock.Now()},
      .batch = held_call.batch,
      .answer = std::move(answer),
      .room = std::move(held_call.room)};
  ended_call.room.Fit(ended_call.answer, ended_call.times.ended);
  AnswerUnlessRevoked(std::move(ended_call));
}

void Lane::TellThrown(const RoutedCall& call, absl::string_view what) const {
  const std::optional<Key> key = CallContext(call, shared.clock).key();
  LogRecord record = {.level = LogLevel::kError,
                      .area = LogArea::kLane,
                      .event = "handler_threw",
                      .worker = worker,
                      .method = call.method().path,
                      .message = std::string(what)};
  if (key.has_value()) record.key.emplace(key->bytes());
  Log(shared.options.log, std::move(record));
}

// Without the key: the request may be gone.
void Lane::TellDropped(const RoutedCall& call) const {
  Log(shared.options.log,
      {.level = LogLevel::kError,
       .area = LogArea::kLane,
       .event = "call_dropped",
       .worker = worker,
       .method = call.method().path,
       .message = std::string(call.answer.status.message())});
}

void Lane::DropLateResult(RoutedCall& call) {
  if (call.fate.worker_is_done()) {
    // A stream that was left open.
    kept_streams.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  shared.account.Count(call.worker, call.method().index,
                       Account::Event::kLateEnd);
  if (call.fate.WorkerIsDone()) ReturnPlace(call);
}

void Lane::LeaveOpen(HeldCall* stream) {
  RoutedCall& call = stream->call();
  if (call.fate.Hold()) {
    ReturnPlace(call);
  } else {
    KeepStream();
    shared.account.Count(call.worker, call.method().index,
                         Account::Event::kLateEnd);
    if (call.fate.WorkerIsDone()) ReturnPlace(call);
  }
  stream->DropRequest();
  call.OnLeftOpen();
  if (held->Hold(*stream)) return;
  // Its holder, on another thread, has just finished it.
  AnswerHeld(*stream, stream->TakeAnswer());
  delete stream;
}

void Lane::KeepStream() {
  const int64_t kept = kept_streams.fetch_add(1, std::memory_order_relaxed) + 1;
  if (kept != next_told_kept.load(std::memory_order_relaxed)) return;
  next_told_kept.store(2 * kept, std::memory_order_relaxed);
  Log(shared.options.log,
      {.level = LogLevel::kWarning,
       .area = LogArea::kLane,
       .event = "streams_kept",
       .worker = worker,
       .method = shared.service.name(),
       .message = absl::StrCat(
           kept,
           " streams are over and their handlers still keep them: let go of a "
           "stream that is cancelled(); pinion::Followers does so")});
}

}  // namespace pinion
