// SPDX-License-Identifier: Apache-2.0
//
// The way in of a link: a message of answers, their callbacks, and the calls
// that these start.
#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "pinion/client/failure.h"
#include "pinion/client/internal/callback_scope.h"
#include "pinion/client/internal/link_errors.h"
#include "pinion/client/internal/session_link.h"
#include "pinion/proto/wire/session_protocol.h"

namespace pinion::client_internal {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

absl::Status StatusOf(const AnswerView& answer) {
  if (answer.code == 0) return absl::OkStatus();
  absl::Status status(static_cast<absl::StatusCode>(answer.code),
                      answer.message);
  if (answer.has_failure) status = Failed(std::move(status), answer.failure());
  AddDetails(answer.status_details, status);
  return status;
}

bool IsUnauthenticated(const AnswerView& answer) {
  return answer.code != 0 && answer.has_failure &&
         answer.failure().reason() == v1::REASON_UNAUTHENTICATED;
}

// Of an answer that is not plain.
Reply ReplyOf(const AnswerView& answer) {
  Reply reply;
  if (answer.code == 0) {
    reply.response = answer.payload;
  } else {
    reply.status = StatusOf(answer);
  }
  if (answer.has_timing) reply.timing = answer.timing();
  if (answer.has_trailing) {
    MetadataReader reader = answer.trailing();
    for (MetadataView entry; reader.Next(&entry);) {
      reply.trailing.emplace_back(std::string(entry.name),
                                  std::string(entry.value));
    }
  }
  return reply;
}

}  // namespace

void SessionLink::Answered(SessionStream& stream,
                           absl::Span<const absl::string_view> parts) {
  std::optional<SessionResponse> response(std::in_place, parts[0]);
  const bool good = parts.size() > 1 || response->Scan();
  parts.remove_prefix(1);
  Answers answers;
  CallbackBatch& batch = stream.batch;
  const CallbackBatch::Scope starts(batch, this);
  const CallbackScope scope(this);
  if (token_.due()) RenewToken();
  bool first = true;
  do {
    Deferred deferred;
    {
      MutexLock lock(mutex_);
      batch.CountLacking();
      SubmitStarted(batch, deferred);
      if (good && first) OnHead(stream, *response);
      answers.Clear();
      if (good) SettleAnswers(stream, *response, answers);
      while (!answers.is_full() && response->ok() && !parts.empty()) {
        response.emplace(parts[0]);
        parts.remove_prefix(1);
        SettleAnswers(stream, *response, answers);
      }
      if (!response->ok() && stream.fault.ok()) {
        stream.fault = response->status();
        stream.Break();
      }
      // The next message's callbacks will start calls, too.
      ReserveCalls(answers.count, batch);
      GiveBackCalls(Answers::kMost, batch);
      Proceed(deferred);
      // One that drains ends with its last answer.
      if (&stream != stream_) PutMessageTogether(stream, deferred);
    }
    first = false;
    RunDeferred(deferred);
    RunCallbacks(answers, batch);
  } while (answers.count > 0 || batch.has_more());
}

void SessionLink::RunCallbacks(const Answers& answers, CallbackBatch& batch) {
  Reply plain;  // The same for all plain ones, but for the response.
  for (size_t i = 0; i < answers.count; ++i) {
    const AnsweredCall& one = answers.calls[i];
    if (ABSL_PREDICT_TRUE(one.full == Answers::kPlain)) {
      plain.response = one.payload;
      one.call->done(plain);
    } else {
      one.call->done(ReplyOf(answers.full[one.full]));
    }
    one.call->done = nullptr;  // What it holds goes without the lock.
    batch.Recycle(*one.call);
  }
}

void SessionLink::SubmitStarted(CallbackBatch& batch, Deferred& deferred) {
  SteadyTime deadline = kNever;
  for (ClientCall* call : batch.started()) {
    if (ABSL_PREDICT_FALSE(!HasRoom(HeldBytesOf(*call)))) {
      End(*call, WhyNoRoom(call->payload.size()), deferred);
      continue;
    }
    Wait(*call);
    deadline = std::min(deadline, call->deadline);
  }
  batch.started().clear();
  if (deadline != kNever) alarm_.WakeAt(deadline);
  if (ABSL_PREDICT_FALSE(!early_cancels_.empty())) CancelEarly(deferred);
}

void SessionLink::CancelEarly(Deferred& deferred) {
  for (const CallId& id : std::exchange(early_cancels_, {})) {
    ClientCall* const call = calls_.Find(id.slot);
    if (call == nullptr || call->generation != id.generation) continue;
    if (call->state == CallState::kReserved) {
      early_cancels_.push_back(id);  // Another thread's.
    } else {
      StopWaiting(*call);
      End(*call, Cancelled(), deferred);
    }
  }
}

void SessionLink::ReserveCalls(size_t count, CallbackBatch& batch) {
  const uint32_t method = names_.last();
  if (method != 0) batch.Learn(method, names_.NameOf(method));
  while (batch.reserved().size() < count) batch.Reserve(calls_.Add());
}

void SessionLink::GiveBackCalls(size_t count, CallbackBatch& batch) {
  while (batch.reserved().size() > count) {
    calls_.Remove(*batch.reserved().back());
    batch.reserved().pop_back();
  }
}

void SessionLink::OnHead(SessionStream& stream,
                         const SessionResponse& response) {
  if (stream.left) return;
  if (response.hello().has_value()) {
    OnHello(stream, *response.hello());
    if (!response.drain().has_value()) connect_.Connected();
  }
  if (response.drain().has_value()) OnDrain(stream, *response.drain());
}

void SessionLink::OnHello(SessionStream& stream, const ServerHelloView& hello) {
  if (stream.phase != SessionStream::Phase::kOpening) return;
  const auto at_least_one = [](uint64_t limit) {
    return static_cast<int64_t>(
        std::clamp<uint64_t>(limit, 1, std::numeric_limits<int64_t>::max()));
  };
  stream.phase = SessionStream::Phase::kOpen;
  stream.max_calls = at_least_one(hello.max_open_calls);
  stream.max_bytes = at_least_one(hello.max_open_bytes);
  stream.max_message_bytes =
      static_cast<size_t>(at_least_one(hello.max_message_bytes));
}

void SessionLink::OnDrain(SessionStream& stream, const DrainView& drain) {
  if (stream.phase == SessionStream::Phase::kOver) return;
  stream.phase = SessionStream::Phase::kDraining;
  const nanoseconds grace = std::chrono::microseconds(
      std::min<uint64_t>(drain.grace_us, INT64_MAX / 1000));
  stream.ends_by =
      After(After(steady_clock::now(), grace), silence_limits_.give_up_after);
  alarm_.WakeAt(stream.ends_by);
  if (stream_ != &stream) return;
  stream_ = nullptr;
  if (stream.answered) {
    connect_.SessionDrains();
  } else {
    NoteFailedAttempt(absl::UnavailableError("the server is stopping"));
  }
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline ClientCall* SessionLink::Settle(
    SessionStream& stream, uint64_t id) {
  ClientCall* const call = calls_.Find(id);
  if (call == nullptr || call->stream != &stream ||
      !stream.HasRead(call->message)) {
    return nullptr;  // Not asked for.
  }
  const bool has_caller = call->state == CallState::kSent;
  if (!has_caller && call->state != CallState::kAbandoned) return nullptr;
  stream.answered = true;
  --stream.open_calls;
  stream.open_bytes -= call->max_bytes + session_protocol::kMaxBytesBesideCall;
  call->stream = nullptr;
  if (has_caller) return call;
  calls_.Remove(*call);
  return nullptr;
}

void SessionLink::SettleAnswers(SessionStream& stream,
                                SessionResponse& response, Answers& answers) {
  int succeeded = 0;
  PlainAnswer plain;
  AnswerView full;
  while (!answers.is_full()) {
    const bool is_plain = response.NextPlain(&plain);
    if (ABSL_PREDICT_FALSE(!is_plain)) {
      if (!response.NextAnswer(&full)) break;
      plain.id = full.id;
    }
    ClientCall* const call = Settle(stream, plain.id);
    if (call == nullptr) continue;
    AnsweredCall& answered = answers.calls[answers.count];
    answered = {call, plain.payload, Answers::kPlain};
    if (ABSL_PREDICT_FALSE(!is_plain)) {
      if (IsUnauthenticated(full)) LoseToken(stream);
      if (full.code != 0 && Retry(*call, full)) continue;
      answered.full = answers.full.size();
      answers.full.push_back(full);
      succeeded -= full.code != 0;
    }
    ++succeeded;
    ++answers.count;
    calls_.Reuse(*call);
  }
  if (succeeded > 0) {
    connect_.CallSucceeded();
    budget_.Succeeded(succeeded);
  }
}

void SessionLink::LoseToken(SessionStream& stream) {
  if (!token_.exists()) return;
  token_.Refused();
  // It is sent once more, should the server have had no time to check it.
  stream.token.clear();
}

bool SessionLink::Retry(ClientCall& call, const AnswerView& answer) {
  if (closed_ || call.cancelled() || !answer.has_failure) return false;
  const SteadyTime now = steady_clock::now();
  const auto backoff = budget_.BackoffBefore(
      call.attempts, answer.failure(),
      call.deadline == kNever ? nanoseconds::max() : call.deadline - now);
  if (!backoff.has_value()) return false;
  call.state = CallState::kBackingOff;
  call.MakeExtras().retry_at = After(now, *backoff);
  call.MakeExtras().refusal = StatusOf(answer);
  alarm_.WakeAt(call.extras->retry_at);
  return true;
}

}  // namespace pinion::client_internal
