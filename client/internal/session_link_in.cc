// SPDX-License-Identifier: Apache-2.0
//
// The way in of a link: a message of answers, their callbacks, and the calls
// that these start.
#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "pinion/client/failure.h"
#include "pinion/client/internal/callback_scope.h"
#include "pinion/client/internal/link_errors.h"
#include "pinion/client/internal/session_link.h"
#include "pinion/proto/wire/session_protocol.h"

namespace pinion::client_internal {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// So many answers are told between two looks at what they started: messages
// stay large, and no call waits longer than their callbacks take.
constexpr size_t kMaxAnswersAtOnce = 64;

absl::Status StatusOf(const AnswerView& answer) {
  if (answer.code == 0) return absl::OkStatus();
  absl::Status status(static_cast<absl::StatusCode>(answer.code),
                      answer.message);
  if (answer.has_failure) status = Failed(std::move(status), answer.failure());
  AddDetails(answer.status_details, status);
  return status;
}

void RunCallback(ClientCall& call, const AnswerView& answer) {
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
  call.done(reply);
  call.done = nullptr;  // What it holds goes without the lock.
}

}  // namespace

void SessionLink::Answered(SessionStream& stream, absl::string_view message) {
  SessionResponse response(message);
  const bool good = response.Scan();
  std::vector<AnsweredCall> answered;
  answered.reserve(std::min(kMaxAnswersAtOnce, response.answers()));
  CallbackBatch batch(this);
  const CallbackScope scope(this);
  bool first = true;
  do {
    Deferred deferred;
    {
      MutexLock lock(mutex_);
      for (const AnsweredCall& one : answered) calls_.Remove(*one.call);
      answered.clear();
      batch.set_has_more(false);
      SubmitStarted(batch, deferred);
      if (good && first) OnHead(stream, response);
      if (good) SettleAnswers(stream, response, answered);
      if (!response.ok() && stream.fault.ok()) {
        stream.fault = response.status();
        stream.Break();
      }
      ReserveCalls(answered.size(), batch);
      Proceed(deferred);
      // One that drains ends with its last answer.
      if (&stream != stream_) PutMessageTogether(stream, deferred);
    }
    first = false;
    RunDeferred(deferred);
    for (const AnsweredCall& one : answered) RunCallback(*one.call, one.answer);
  } while (!answered.empty() || batch.has_more());
}

void SessionLink::SubmitStarted(CallbackBatch& batch, Deferred& deferred) {
  for (ClientCall* call : batch.reserved()) calls_.Remove(*call);
  for (ClientCall* call : batch.started()) {
    const absl::Status refusal =
        CheckRoom(call->payload.size(), HeldBytesOf(*call));
    if (refusal.ok()) {
      Wait(*call);
    } else {
      End(*call, refusal, deferred);
    }
  }
  batch.Clear();
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
  if (method == 0) return;
  batch.SetMethod(method, names_.NameOf(method));
  for (size_t i = 0; i < count; ++i) batch.Reserve(calls_.Add());
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

void SessionLink::SettleAnswers(SessionStream& stream,
                                SessionResponse& response,
                                std::vector<AnsweredCall>& answered) {
  int succeeded = 0;
  while (answered.size() < kMaxAnswersAtOnce) {
    AnsweredCall& next = answered.emplace_back();
    if (!response.NextAnswer(&next.answer)) {
      answered.pop_back();
      break;
    }
    next.call = Settle(stream, next.answer);
    if (next.call == nullptr) {
      answered.pop_back();
    } else {
      succeeded += next.answer.code == 0;
    }
  }
  if (succeeded > 0) {
    connect_.CallSucceeded();
    budget_.Succeeded(succeeded);
  }
}

ClientCall* SessionLink::Settle(SessionStream& stream,
                                const AnswerView& answer) {
  ClientCall* const call = calls_.Find(answer.id);
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
  if (!has_caller) {
    calls_.Remove(*call);
    return nullptr;
  }
  if (answer.code != 0 && Retry(*call, answer)) return nullptr;
  call->state = CallState::kAnswered;
  return call;
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
